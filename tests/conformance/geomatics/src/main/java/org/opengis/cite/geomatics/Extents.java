package org.opengis.cite.geomatics;

import jakarta.xml.bind.JAXBException;
import java.math.RoundingMode;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.apache.sis.geometry.Envelopes;
import org.apache.sis.geometry.GeneralEnvelope;
import org.opengis.geometry.DirectPosition;
import org.opengis.geometry.Envelope;
import org.opengis.referencing.operation.TransformException;
import org.opengis.util.FactoryException;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

/** Boxes, with axes as their CRS orders them. */
public final class Extents {

    private static final String GML = "http://www.opengis.net/gml/3.2";

    private Extents() {
    }

    /** The box of the first geometry: what lies in it is there for sure. */
    public static Envelope calculateEnvelopeUsingSingleGeometry(NodeList geometries) throws JAXBException {
        try {
            Node first = geometries.item(0);
            org.locationtech.jts.geom.Envelope box = Geometries.of(first).getEnvelopeInternal();
            GeneralEnvelope envelope = new GeneralEnvelope(GeodesyUtils.crs(Geometries.reference(first)));
            envelope.setEnvelope(box.getMinX(), box.getMinY(), box.getMaxX(), box.getMaxY());
            return envelope;
        } catch (FactoryException e) {
            throw new JAXBException(e);
        }
    }

    /** The box that ows:BoundingBox, ows:WGS84BoundingBox or gml:Envelope tells. */
    public static Envelope createEnvelope(Node node) throws FactoryException {
        Element box = Geometries.element(node);
        GeneralEnvelope envelope = new GeneralEnvelope(
                GeodesyUtils.crs(box.hasAttribute("crs") ? box.getAttribute("crs") : box.getAttribute("srsName")));
        boolean gml = GML.equals(box.getNamespaceURI());
        String[] lower = corner(box, gml ? "lowerCorner" : "LowerCorner");
        String[] upper = corner(box, gml ? "upperCorner" : "UpperCorner");
        for (int i = 0; i < lower.length; i++) {
            envelope.setRange(i, Double.parseDouble(lower[i]), Double.parseDouble(upper[i]));
        }
        return envelope;
    }

    private static String[] corner(Element box, String name) {
        Node found = box.getElementsByTagNameNS(box.getNamespaceURI(), name).item(0);
        return found.getTextContent().trim().split("\\s+");
    }

    /** The one box around boxes, in the CRS of the first; null without any. */
    public static Envelope coalesceBoundingBoxes(List<Node> nodes) throws FactoryException, TransformException {
        GeneralEnvelope total = null;
        for (Node node : nodes) {
            Envelope box = createEnvelope(node);
            if (total == null) {
                total = new GeneralEnvelope(box);
            } else {
                total.add(Envelopes.transform(box, total.getCoordinateReferenceSystem()));
            }
        }
        return total;
    }

    /** A box as the value of a parameter: numbers with commas between, and the CRS unless it is longitude, latitude. */
    public static String envelopeToString(Envelope box) {
        String numbers = DoubleStream.concat(Arrays.stream(box.getLowerCorner().getCoordinate()),
                Arrays.stream(box.getUpperCorner().getCoordinate()))
                .mapToObj(String::valueOf).collect(Collectors.joining(","));
        String crs = GeodesyUtils.getCRSIdentifier(box.getCoordinateReferenceSystem());
        return crs.equals(GeodesyUtils.OGC_CRS84) ? numbers : numbers + "," + crs;
    }

    /** A box as gml:Envelope; numbers are cut to two digits, as the suite is used to. */
    public static Document envelopeAsGML(Envelope envelope) {
        try {
            Document document = DocumentBuilderFactory.newInstance().newDocumentBuilder().newDocument();
            Element box = document.createElementNS(GML, "gml:Envelope");
            box.setAttribute("srsName", GeodesyUtils.getCRSIdentifier(envelope.getCoordinateReferenceSystem()));
            box.appendChild(corner(document, "gml:lowerCorner", envelope.getLowerCorner()));
            box.appendChild(corner(document, "gml:upperCorner", envelope.getUpperCorner()));
            document.appendChild(box);
            return document;
        } catch (ParserConfigurationException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Element corner(Document document, String name, DirectPosition position) {
        DecimalFormat cut = new DecimalFormat("#.##", DecimalFormatSymbols.getInstance(Locale.ROOT));
        cut.setRoundingMode(RoundingMode.DOWN);
        Element corner = document.createElementNS(GML, name);
        corner.setTextContent(cut.format(position.getOrdinate(0)) + " " + cut.format(position.getOrdinate(1)));
        return corner;
    }
}
