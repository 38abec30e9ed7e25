"""The detectors, in the order in which an audit runs them. One line here earns a detector the whole contract suite."""

from types import ModuleType

from auditor.detectors import (
    change_points,
    diversion,
    free_share,
    freshness,
    launch_cohort,
    plateau,
    platform_total,
    retention,
    scale_jump,
    share_margin,
    smoothness,
    synthetic_control,
    weekend_dilution,
)

DETECTORS: tuple[ModuleType, ...] = (
    freshness,
    scale_jump,
    change_points,
    launch_cohort,
    plateau,
    weekend_dilution,
    smoothness,
    diversion,
    synthetic_control,
    platform_total,
    share_margin,
    retention,
    free_share,
)
