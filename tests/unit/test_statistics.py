from sdi.db.database import Database
from sdi.model.region import Tenant
from sdi.model.register import Register
from sdi.store.statistics import last_version, tenant_statistics


def test_counts_are_those_of_the_tenant(database: Database, registers: dict[str, Register]) -> None:
    with database.connect("harvest", autocommit=True) as connection:
        connection.execute("insert into sdi.run (source, kind) values ('s', 'gml')")
        connection.execute("insert into sdi.version (run, source, county, lineage) values (1, 's', '0415', '{}')")
        connection.execute(
            "insert into sdi.count (feature_type, source, county, commune, objects, extent, version) values"
            " ('dzialki', 's', '0415', '041501', 3, st_makeenvelope(1, 2, 3, 4, 2180), 1),"
            " ('dzialki', 's', '0415', '041502', 4, st_makeenvelope(2, 2, 9, 8, 2180), 1),"
            " ('dzialki', 't', '0463', '046301', 9, null, 1)"
        )
    types = tuple(registers["egib"].feature_types.values())

    def tenant(teryt: str | None) -> Tenant:
        return Tenant.model_construct(teryt=teryt, feature_types=types)

    with database.connect("serve", autocommit=True) as connection:
        assert last_version(connection) == 1
        assert tenant_statistics(connection, tenant(None))["dzialki"].objects == 16
        county = tenant_statistics(connection, tenant("0415"))["dzialki"]
        assert (county.objects, county.extent) == (7, (1, 2, 9, 8))
        assert tenant_statistics(connection, tenant("041502"))["dzialki"].objects == 4
        assert tenant_statistics(connection, tenant("046301"))["dzialki"].extent is None
        assert tenant_statistics(connection, tenant("041503")) == {}
