package org.opengis.cite.geomatics;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.locationtech.jts.geom.Coordinate;
import org.locationtech.jts.geom.Geometry;
import org.locationtech.jts.geom.GeometryFactory;
import org.locationtech.jts.geom.LinearRing;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

/**
 * GML 3.2 as JTS geometries, two coordinates each, in the order in which they stand.
 *
 * Knows what a straight geometry can be made of; a curve of another kind is refused, never left out.
 */
final class Geometries {

    private static final String GML = "http://www.opengis.net/gml/3.2";
    private static final GeometryFactory MADE_BY = new GeometryFactory();
    private static final Set<String> LINES = Set.of("LineString", "LineStringSegment", "LinearRing");
    private static final Set<String> AREAS = Set.of("Polygon", "PolygonPatch");
    private static final Set<String> AROUND = Set.of(
            "MultiPoint", "pointMember", "pointMembers", "MultiCurve", "curveMember", "curveMembers", "MultiSurface",
            "surfaceMember", "surfaceMembers", "MultiGeometry", "geometryMember", "geometryMembers", "Curve",
            "segments", "Surface", "patches", "CompositeCurve", "CompositeSurface", "Ring");

    private Geometries() {
    }

    static Element element(Node node) {
        return node instanceof Document document ? document.getDocumentElement() : (Element) node;
    }

    /** The reference of a geometry to its CRS: its own, else that of what it lies in, else that of its first part. */
    static String reference(Node geometry) {
        for (Node node = element(geometry); node instanceof Element element; node = node.getParentNode()) {
            if (element.hasAttribute("srsName")) {
                return element.getAttribute("srsName");
            }
        }
        NodeList inner = element(geometry).getElementsByTagNameNS(GML, "*");
        for (int i = 0; i < inner.getLength(); i++) {
            if (((Element) inner.item(i)).hasAttribute("srsName")) {
                return ((Element) inner.item(i)).getAttribute("srsName");
            }
        }
        return "";
    }

    /** The geometry of a GML element. */
    static Geometry of(Node node) {
        Element element = element(node);
        String name = element.getLocalName();
        if (name.equals("Point")) {
            return MADE_BY.createPoint(positions(element)[0]);
        }
        if (LINES.contains(name)) {
            return MADE_BY.createLineString(positions(element));
        }
        if (AREAS.contains(name)) {
            return polygon(element);
        }
        if (name.equals("Envelope")) {
            Coordinate[] corners = positions(element);
            return MADE_BY.toGeometry(new org.locationtech.jts.geom.Envelope(corners[0], corners[1]));
        }
        if (!AROUND.contains(name)) {
            throw new IllegalArgumentException("A geometry this suite cannot compare: " + name);
        }
        return MADE_BY.buildGeometry(children(element).stream().map(Geometries::of).toList()).union();
    }

    private static Geometry polygon(Element element) {
        LinearRing shell = null;
        List<LinearRing> holes = new ArrayList<>();
        for (Element boundary : children(element)) {
            LinearRing ring = MADE_BY.createLinearRing(of(children(boundary).get(0)).getCoordinates());
            if (boundary.getLocalName().equals("exterior")) {
                shell = ring;
            } else {
                holes.add(ring);
            }
        }
        return MADE_BY.createPolygon(shell, holes.toArray(new LinearRing[0]));
    }

    private static Coordinate[] positions(Element element) {
        List<Coordinate> found = new ArrayList<>();
        for (Element child : children(element)) {
            String[] numbers = child.getTextContent().trim().split("\\s+");
            String given = child.getAttribute("srsDimension");
            boolean list = child.getLocalName().equals("posList");
            int size = !given.isEmpty() ? Integer.parseInt(given) : list ? 2 : numbers.length;
            for (int i = 0; i + 1 < numbers.length; i += size) {
                found.add(new Coordinate(Double.parseDouble(numbers[i]), Double.parseDouble(numbers[i + 1])));
            }
        }
        return found.toArray(new Coordinate[0]);
    }

    private static List<Element> children(Element element) {
        List<Element> found = new ArrayList<>();
        for (Node node = element.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element child) {
                found.add(child);
            }
        }
        return found;
    }
}
