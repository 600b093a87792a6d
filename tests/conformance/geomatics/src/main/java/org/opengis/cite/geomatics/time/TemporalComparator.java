package org.opengis.cite.geomatics.time;

import java.util.Comparator;
import org.opengis.temporal.TemporalGeometricPrimitive;

/** Orders what lies apart; what lies within another is equal to it, since it adds nothing to the extent. */
public class TemporalComparator implements Comparator<TemporalGeometricPrimitive> {

    @Override
    public int compare(TemporalGeometricPrimitive one, TemporalGeometricPrimitive other) {
        return switch (one.relativePosition(other)) {
            case OVERLAPS, MEETS, CONTAINS, BEFORE -> -1;
            case MET_BY, AFTER -> 1;
            default -> 0;
        };
    }
}
