"""OGC API - Tiles 1.0 (OGC 20-057): vector tiles of a tenant's collections, one by one and all together."""
