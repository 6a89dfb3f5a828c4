"""What Google's APIs accept and answer, from Google's own discovery documents.

`data/` holds them stripped to what the local cloud uses: every method's name and path (to say which one is not served), and for
the served collections their parameters and schemas. `generate` makes the data; `document` reads it; `validator` checks with it.
"""
