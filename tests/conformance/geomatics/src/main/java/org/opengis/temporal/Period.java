package org.opengis.temporal;

/** An extent in time. */
public interface Period extends TemporalGeometricPrimitive {

    Instant getBeginning();

    Instant getEnding();
}
