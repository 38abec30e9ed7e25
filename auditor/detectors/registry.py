"""The detectors, in the order in which an audit runs them. One line here earns a detector the whole contract suite."""

from types import ModuleType

from auditor.detectors import (
    app_concentration,
    change_points,
    co_movement,
    completion_share,
    copied_stretch,
    cost_to_fake,
    digits,
    diversion,
    free_share,
    freshness,
    launch_cohort,
    outlier_vector,
    plateau,
    platform_total,
    request_growth,
    retention,
    revisions,
    scale_jump,
    share_margin,
    smoothness,
    synthetic_control,
    tokens_per_request,
    weekend_dilution,
)

DETECTORS: tuple[ModuleType, ...] = (
    # the record itself
    freshness,
    scale_jump,
    revisions,
    copied_stretch,
    digits,
    # level and shape
    change_points,
    launch_cohort,
    plateau,
    # rhythm
    weekend_dilution,
    smoothness,
    # market
    diversion,
    synthetic_control,
    platform_total,
    share_margin,
    # price and events
    retention,
    free_share,
    # composition and plausibility
    app_concentration,
    tokens_per_request,
    completion_share,
    cost_to_fake,
    request_growth,
    # independent sources
    co_movement,
    # many features together
    outlier_vector,
)
