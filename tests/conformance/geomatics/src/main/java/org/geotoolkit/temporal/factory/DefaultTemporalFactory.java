package org.geotoolkit.temporal.factory;

import java.util.Date;
import org.opengis.temporal.Instant;
import org.opengis.temporal.Period;
import org.opengis.temporal.RelativePosition;
import org.opengis.temporal.TemporalFactory;
import org.opengis.temporal.TemporalGeometricPrimitive;

/** Instants and periods as records, compared as ISO 19108, 5.2.3.5 has it. */
public class DefaultTemporalFactory implements TemporalFactory {

    private record Moment(Date getDate) implements Instant {
        @Override
        public RelativePosition relativePosition(TemporalGeometricPrimitive other) {
            return relation(this, other);
        }
    }

    private record Extent(Instant getBeginning, Instant getEnding) implements Period {
        @Override
        public RelativePosition relativePosition(TemporalGeometricPrimitive other) {
            return relation(this, other);
        }
    }

    @Override
    public Instant createInstant(Date date) {
        return new Moment(date);
    }

    @Override
    public Period createPeriod(Instant begin, Instant end) {
        return new Extent(begin, end);
    }

    private static RelativePosition relation(TemporalGeometricPrimitive one, TemporalGeometricPrimitive other) {
        Date begin = begin(one), end = end(one), otherBegin = begin(other), otherEnd = end(other);
        int begins = begin.compareTo(otherBegin), ends = end.compareTo(otherEnd);
        if (begins == 0 && ends == 0) {
            return RelativePosition.EQUALS;
        }
        boolean both = one instanceof Period && other instanceof Period;
        if (end.compareTo(otherBegin) <= 0) {
            return both && end.equals(otherBegin) ? RelativePosition.MEETS
                    : end.before(otherBegin) ? RelativePosition.BEFORE
                    : one instanceof Instant ? RelativePosition.BEGINS : RelativePosition.ENDED_BY;
        }
        if (begin.compareTo(otherEnd) >= 0) {
            return both && begin.equals(otherEnd) ? RelativePosition.MET_BY
                    : begin.after(otherEnd) ? RelativePosition.AFTER
                    : one instanceof Instant ? RelativePosition.ENDS : RelativePosition.BEGUN_BY;
        }
        if (begins == 0) {
            return ends < 0 ? RelativePosition.BEGINS : RelativePosition.BEGUN_BY;
        }
        if (ends == 0) {
            return begins > 0 ? RelativePosition.ENDS : RelativePosition.ENDED_BY;
        }
        if (begins > 0) {
            return ends < 0 ? RelativePosition.DURING : RelativePosition.OVERLAPPED_BY;
        }
        return ends > 0 ? RelativePosition.CONTAINS : RelativePosition.OVERLAPS;
    }

    private static Date begin(TemporalGeometricPrimitive time) {
        return time instanceof Period period ? period.getBeginning().getDate() : ((Instant) time).getDate();
    }

    private static Date end(TemporalGeometricPrimitive time) {
        return time instanceof Period period ? period.getEnding().getDate() : ((Instant) time).getDate();
    }
}
