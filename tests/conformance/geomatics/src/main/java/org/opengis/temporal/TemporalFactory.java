package org.opengis.temporal;

import java.util.Date;

/** Makes instants and periods. */
public interface TemporalFactory {

    Instant createInstant(Date date);

    Period createPeriod(Instant begin, Instant end);
}
