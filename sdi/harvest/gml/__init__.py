"""GML in: documents of any size, geometries of all three generations of GML, objects of declared registers.

`document` streams the members of a collection, `geometry` makes shapely geometries with x = easting,
`attributes` and `objects` confine one object to the allow-list of its feature type, `reader` puts them together.
"""
