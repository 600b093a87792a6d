package org.opengis.cite.geomatics;

import org.apache.sis.geometry.ImmutableEnvelope;
import org.apache.sis.referencing.CRS;
import org.apache.sis.referencing.CommonCRS;
import org.opengis.referencing.crs.CoordinateReferenceSystem;
import org.opengis.util.FactoryException;

/** Names of coordinate reference systems; axes are as the authority orders them. */
public final class GeodesyUtils {

    public static final String EPSG_4326 = "urn:ogc:def:crs:EPSG::4326";
    public static final String OGC_CRS84 = "urn:ogc:def:crs:OGC:1.3:CRS84";

    private GeodesyUtils() {
    }

    /** Where a CRS may be used, in longitude and latitude. */
    public static ImmutableEnvelope getDomainOfValidity(String reference) throws FactoryException {
        return new ImmutableEnvelope(CRS.getDomainOfValidity(crs(reference)));
    }

    /** The CRS of a URN or an http URI; none means longitude, latitude. */
    static CoordinateReferenceSystem crs(String reference) throws FactoryException {
        boolean plain = reference == null || reference.isEmpty() || reference.endsWith("CRS84");
        return plain ? CommonCRS.defaultGeographic() : CRS.forCode(getAbbreviatedCRSIdentifier(reference));
    }

    /** The URN of a CRS of EPSG, or of longitude and latitude. */
    public static String getCRSIdentifier(CoordinateReferenceSystem crs) {
        if (crs.equals(CommonCRS.defaultGeographic())) {
            return OGC_CRS84;
        }
        return "urn:ogc:def:crs:EPSG::" + crs.getIdentifiers().iterator().next().getCode();
    }

    /** `AUTHORITY:code` out of a URN or an http URI (OGC 09-048r3). */
    public static String getAbbreviatedCRSIdentifier(String reference) {
        if (!reference.startsWith("urn:ogc") && !reference.startsWith("http://www.opengis.net")) {
            throw new IllegalArgumentException("Invalid CRS reference (see OGC 09-048r3): " + reference);
        }
        String separator = reference.startsWith("urn:ogc") ? ":" : "/";
        String[] parts = reference.substring(reference.indexOf("crs") + 4).split(separator);
        return parts.length == 3 ? parts[0] + ":" + parts[2] : "";
    }
}
