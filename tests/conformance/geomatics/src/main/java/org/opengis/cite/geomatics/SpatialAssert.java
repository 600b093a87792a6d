package org.opengis.cite.geomatics;

import org.apache.sis.geometry.Envelopes;
import org.apache.sis.geometry.GeneralEnvelope;
import org.opengis.geometry.Envelope;
import org.opengis.referencing.operation.TransformException;

/** What must hold between boxes. */
public final class SpatialAssert {

    private SpatialAssert() {
    }

    /** Two boxes of any CRS have something in common that is more than an edge. */
    public static void assertIntersects(Envelope one, Envelope other) {
        try {
            Envelope there = Envelopes.transform(other, one.getCoordinateReferenceSystem());
            if (!new GeneralEnvelope(one).intersects(there, false)) {
                throw new AssertionError("The envelopes do not intersect: " + one + " and " + other);
            }
        } catch (TransformException e) {
            throw new AssertionError(e);
        }
    }
}
