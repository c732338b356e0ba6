package strata.thrift;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.catalyst.TableIdentifier;
import org.apache.spark.sql.catalyst.catalog.CatalogDatabase;
import org.apache.spark.sql.catalyst.catalog.CatalogStorageFormat;
import org.apache.spark.sql.catalyst.catalog.CatalogTable;
import org.apache.spark.sql.catalyst.catalog.CatalogTableType$;
import org.apache.spark.sql.catalyst.catalog.ExternalCatalog;
import org.apache.spark.sql.catalyst.catalog.SessionCatalog;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;
import scala.None$;
import scala.Option;
import scala.collection.immutable.Map$;
import scala.jdk.javaapi.CollectionConverters;

/**
 * What clients see when they look around: a view for each published table, with its comments.
 * They are written as CREATE VIEW writes them, but without a look at each table's log; so any
 * session on the same metastore reads the pinned version by them.
 */
public final class Catalog {
    private static final Option NONE = None$.MODULE$;

    private Catalog() {
    }

    /** Makes a database where there is none. */
    public static void database(org.apache.spark.sql.SparkSession session, String name, String comment) {
        SessionCatalog catalog = ((SparkSession) session).sessionState().catalog();
        catalog.createDatabase(
            new CatalogDatabase(name, comment, catalog.getDefaultDBPath(name), map(new HashMap())), true);
    }

    /** Makes a view, or exchanges what stood under its name. */
    public static void view(org.apache.spark.sql.SparkSession session, String name, String schema, String query,
            Map comments) {
        String[] parts = name.split("\\.");
        StructType columns = (StructType) DataType.fromJson(schema);
        Map properties = properties(columns.fieldNames());
        properties.put("strata.key", (String) comments.get("key"));
        properties.put("strata.grain", (String) comments.get("grain"));
        properties.put("strata.publication", (String) comments.get("publication"));
        CatalogTable made = new CatalogTable(
            new TableIdentifier(parts[1], Option.apply(parts[0])), CatalogTableType$.MODULE$.VIEW(),
            CatalogStorageFormat.empty(), columns, NONE, seq(), NONE, "", System.currentTimeMillis(), -1L,
            session.version(), map(properties), NONE, Option.apply(query),
            Option.apply((String) comments.get("comment")), NONE, seq(), false, true, map(new HashMap()),
            Option.apply(query));
        if (external(session).tableExists(parts[0], parts[1])) {
            external(session).alterTable(made);
        } else {
            external(session).createTable(made, true);
        }
    }

    /** Forgets the views of a database that are not among these names. */
    public static void keep(org.apache.spark.sql.SparkSession session, String database, List names) {
        Object[] there = CollectionConverters.asJava(external(session).listTables(database)).toArray();
        for (int i = 0; i < there.length; i++) {
            if (!names.contains(there[i])) {
                external(session).dropTable(database, (String) there[i], true, false);
            }
        }
    }

    private static Map properties(String[] columns) {
        Map found = new HashMap();
        found.put("view.catalogAndNamespace.numParts", "2");
        found.put("view.catalogAndNamespace.part.0", "spark_catalog");
        found.put("view.catalogAndNamespace.part.1", "default");
        found.put("view.query.out.numCols", String.valueOf(columns.length));
        for (int i = 0; i < columns.length; i++) {
            found.put("view.query.out.col." + i, columns[i]);
        }
        return found;
    }

    private static ExternalCatalog external(org.apache.spark.sql.SparkSession session) {
        return (ExternalCatalog) ((SparkSession) session).sharedState().externalCatalog();
    }

    private static scala.collection.immutable.Map map(Map given) {
        return (scala.collection.immutable.Map) ((scala.collection.immutable.Map) Map$.MODULE$.empty())
            .concat(CollectionConverters.asScala(given));
    }

    private static scala.collection.immutable.Seq seq() {
        return CollectionConverters.asScala(new java.util.ArrayList()).toSeq();
    }
}
