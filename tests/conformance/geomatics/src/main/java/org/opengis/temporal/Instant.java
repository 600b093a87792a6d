package org.opengis.temporal;

import java.util.Date;

/** A point in time. */
public interface Instant extends TemporalGeometricPrimitive {

    Date getDate();
}
