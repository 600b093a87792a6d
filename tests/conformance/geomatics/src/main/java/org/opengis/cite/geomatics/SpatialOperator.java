package org.opengis.cite.geomatics;

/** Spatial operators of FES 2.0, as capabilities name them, in capitals. */
public enum SpatialOperator {
    BBOX, CONTAINS, CROSSES, DISJOINT, INTERSECTS, EQUALS, OVERLAPS, TOUCHES, WITHIN, BEYOND, DWITHIN
}
