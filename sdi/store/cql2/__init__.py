"""CQL2 (OGC 21-065r2) as SQL over the published columns of a feature type.

A filter has one form: the JSON encoding of the standard. `reading` brings both encodings into it, `conditions` writes
the SQL. pygeofilter, which others use, ranks AND and OR the same and writes T_AFTER(a, b) as `a T_AFTER b`.
"""
