"""Tables that people and programs write: one file per question the intake must answer about them.

``dialect`` cuts text into rows, ``headers`` tells columns apart, ``layout`` tells long from wide, ``numbers`` and ``dates``
read one cell, ``columns`` and ``periods`` decide what only a whole column can tell, ``assemble`` builds the observations,
``fast`` does the same for large plain files in an embedded engine.
"""
