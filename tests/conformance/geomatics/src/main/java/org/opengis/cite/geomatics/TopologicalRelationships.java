package org.opengis.cite.geomatics;

import org.apache.sis.geometry.DirectPosition2D;
import org.apache.sis.referencing.CRS;
import org.locationtech.jts.geom.Coordinate;
import org.locationtech.jts.geom.CoordinateFilter;
import org.locationtech.jts.geom.Geometry;
import org.opengis.geometry.DirectPosition;
import org.opengis.referencing.crs.CoordinateReferenceSystem;
import org.opengis.referencing.operation.MathTransform;
import org.opengis.referencing.operation.TransformException;
import org.opengis.util.FactoryException;
import org.w3c.dom.Node;

/** Whether two GML geometries lie to each other as an operator says. */
public final class TopologicalRelationships {

    private TopologicalRelationships() {
    }

    /** Compares in the CRS of the second. */
    public static boolean isSpatiallyRelated(SpatialOperator operator, Node one, Node other) {
        Geometry first = Geometries.of(one);
        Geometry second = Geometries.of(other);
        transform(first, Geometries.reference(one), Geometries.reference(other));
        return switch (operator) {
            case BBOX, INTERSECTS -> first.intersects(second);
            case DISJOINT -> first.disjoint(second);
            case TOUCHES -> first.touches(second);
            case WITHIN -> first.within(second);
            case OVERLAPS -> first.overlaps(second);
            case CROSSES -> first.crosses(second);
            case CONTAINS -> first.contains(second);
            case EQUALS -> first.equalsTopo(second);
            default -> throw new IllegalArgumentException("Unsupported spatial predicate: " + operator);
        };
    }

    private static void transform(Geometry geometry, String from, String to) {
        try {
            CoordinateReferenceSystem source = GeodesyUtils.crs(from);
            CoordinateReferenceSystem target = GeodesyUtils.crs(to);
            MathTransform operation = CRS.findOperation(source, target, null).getMathTransform();
            if (!operation.isIdentity()) {
                geometry.apply((CoordinateFilter) coordinate -> move(coordinate, operation));
                geometry.geometryChanged();
            }
        } catch (FactoryException e) {
            throw new IllegalArgumentException(e);
        }
    }

    private static void move(Coordinate coordinate, MathTransform operation) {
        try {
            DirectPosition moved = operation.transform(new DirectPosition2D(coordinate.x, coordinate.y), null);
            coordinate.x = moved.getOrdinate(0);
            coordinate.y = moved.getOrdinate(1);
        } catch (TransformException e) {
            throw new IllegalArgumentException(e);
        }
    }
}
