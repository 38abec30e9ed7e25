"""Where error rates come from: placebo days, injections, simulators. Never imported while an audit runs."""
