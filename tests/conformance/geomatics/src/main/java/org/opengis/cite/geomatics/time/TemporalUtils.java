package org.opengis.cite.geomatics.time;

import java.time.Duration;
import java.time.temporal.TemporalUnit;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.TreeSet;
import org.geotoolkit.temporal.factory.DefaultTemporalFactory;
import org.opengis.temporal.Instant;
import org.opengis.temporal.Period;
import org.opengis.temporal.RelativePosition;
import org.opengis.temporal.TemporalFactory;
import org.opengis.temporal.TemporalGeometricPrimitive;

/** Reckoning with instants and periods. */
public final class TemporalUtils {

    private static final TemporalFactory TIMES = new DefaultTemporalFactory();

    /** BEWARE: the suite writes times by Instant.toString and reads them by a pattern that wants milliseconds. */
    private static final Duration MARGIN = Duration.ofHours(1).plusMillis(7);

    private TemporalUtils() {
    }

    /** Throws AssertionError where one does not lie to the other as is said. */
    public static void assertTemporalRelation(
            RelativePosition relation, TemporalGeometricPrimitive one, TemporalGeometricPrimitive other) {
        RelativePosition actual = one.relativePosition(other);
        if (actual != relation) {
            throw new AssertionError(String.format("%s is not %s %s, it is %s it",
                    temporalGeometricPrimitiveToString(one), relation, temporalGeometricPrimitiveToString(other), actual));
        }
    }

    /** A time as ISO 8601. */
    public static String temporalGeometricPrimitiveToString(TemporalGeometricPrimitive time) {
        return time instanceof Period period
                ? "Period: " + moment(period.getBeginning()) + "/" + moment(period.getEnding())
                : "Instant: " + moment((Instant) time);
    }

    /** The period of an ordered set, about an hour longer at each end. */
    public static Period temporalExtent(TreeSet<TemporalGeometricPrimitive> times) {
        java.time.Instant begin = java.time.Instant.MAX, end = java.time.Instant.MIN;
        for (TemporalGeometricPrimitive time : times) {
            java.time.Instant from = moment(time instanceof Period period ? period.getBeginning() : (Instant) time);
            java.time.Instant to = moment(time instanceof Period period ? period.getEnding() : (Instant) time);
            begin = from.isBefore(begin) ? from : begin;
            end = to.isAfter(end) ? to : end;
        }
        return TIMES.createPeriod(instant(begin.minus(MARGIN)), instant(end.plus(MARGIN)));
    }

    /** An instant so much later (earlier where the amount is negative). */
    public static Instant add(Instant instant, int amount, TemporalUnit unit) {
        return instant(moment(instant).atOffset(ZoneOffset.UTC).plus(amount, unit).toInstant());
    }

    /** A period in parts of the same length, one after the other. */
    public static List<Period> splitInterval(Period period, int size) {
        java.time.Instant begin = moment(period.getBeginning());
        Duration length = Duration.between(begin, moment(period.getEnding())).dividedBy(size);
        List<Period> parts = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            parts.add(TIMES.createPeriod(
                    instant(begin.plus(length.multipliedBy(i))), instant(begin.plus(length.multipliedBy(i + 1)))));
        }
        return parts;
    }

    private static java.time.Instant moment(Instant instant) {
        return instant.getDate().toInstant();
    }

    private static Instant instant(java.time.Instant moment) {
        return TIMES.createInstant(Date.from(moment));
    }
}
