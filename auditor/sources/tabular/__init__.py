"""Tables that people and programs write: one file per question the intake must answer about them.

``dialect`` cuts text into rows, ``headers`` tells columns apart, ``layout`` tells long from wide, ``numbers`` and ``dates``
read one cell, ``columns`` and ``periods`` decide what only a whole column can tell, ``build`` puts them together,
``duplicates`` and ``counters`` judge what rows say together, ``assemble`` makes the observations. ``delimited`` and
``records`` bring CSV and JSON to ``build``; ``fast`` does the same for large plain files in an embedded engine.
"""
