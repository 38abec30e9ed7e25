"""Scheduled checks: a stated number of false alarms a year, every finding told once, and silence noticed.

The walk of one run: fetch, archive, decide on the settled days as they were known, report, notify. The statistic is told in
:mod:`auditor.watch.level` (what is measured) and :mod:`auditor.watch.cycles` (when it is an alarm, and the guarantee), what a
run does and survives in :mod:`auditor.watch.run`.
"""
