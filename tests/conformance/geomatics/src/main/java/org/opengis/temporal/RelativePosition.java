package org.opengis.temporal;

/** TM_RelativePosition of ISO 19108. */
public enum RelativePosition {
    BEFORE, AFTER, BEGINS, ENDS, DURING, EQUALS, CONTAINS, OVERLAPS, MEETS, OVERLAPPED_BY, MET_BY, BEGUN_BY, ENDED_BY
}
