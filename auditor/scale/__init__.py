"""The same work over many series and episodes: processes on one machine, an existing engine beyond.

Two kinds of work, each one line per answer and each a function of one chunk (:mod:`auditor.scale.screening`,
:mod:`auditor.scale.auditing`). How chunks are cut, who runs them and in which order changes nothing in the result
(:mod:`auditor.scale.engines`, :mod:`auditor.scale.parts`).
"""
