package org.opengis.temporal;

/** An instant or a period (ISO 19108, TM_GeometricPrimitive). */
public interface TemporalGeometricPrimitive extends TemporalPrimitive {

    /** How this lies to another (ISO 19108, 5.2.3.5). */
    RelativePosition relativePosition(TemporalGeometricPrimitive other);
}
