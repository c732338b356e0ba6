package strata.thrift;

import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.analysis.RelationTimeTravel;
import org.apache.spark.sql.catalyst.analysis.UnresolvedRelation;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.SubqueryAlias$;
import org.apache.spark.sql.catalyst.rules.Rule;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractPartialFunction;

/**
 * Puts the pinned version of a published table in place of each name, before Spark looks the name
 * up. All names of one statement are pinned at one moment, so no statement mixes two publications.
 * No other name is left for Spark to find: neither files nor tables of a catalog.
 */
final class Names extends Rule {
    /** The set that the statement reads which this thread parsed last. */
    private static final ThreadLocal PINNED = new ThreadLocal();

    private final SparkSession session;

    Names(SparkSession session) {
        this.session = session;
    }

    static void pin() {
        PINNED.set(Desk.newest());
    }

    public org.apache.spark.sql.catalyst.trees.TreeNode apply(org.apache.spark.sql.catalyst.trees.TreeNode plan) {
        if (Desk.isOwn(session)) {
            return plan;
        }
        return (LogicalPlan) ((LogicalPlan) plan).transformDownWithSubqueries(new Replace(this));
    }

    /** The plan that stands for a name; null where the node is none. */
    LogicalPlan replace(Object node) {
        if (node instanceof RelationTimeTravel) {
            RelationTimeTravel past = (RelationTimeTravel) node;
            if (past.relation() instanceof UnresolvedRelation) {
                return pinned((UnresolvedRelation) past.relation(), when(past));
            }
        }
        return node instanceof UnresolvedRelation ? pinned((UnresolvedRelation) node, null) : null;
    }

    private LogicalPlan pinned(UnresolvedRelation relation, String at) {
        List parts = CollectionConverters.asJava(relation.multipartIdentifier());
        String name = qualified(parts);
        LogicalPlan plan = ((Pinned) PINNED.get()).open(name, at);
        String[] alias = name.split("\\.");
        return SubqueryAlias$.MODULE$.apply(
            CollectionConverters.asScala(
                java.util.Arrays.asList(new Object[] {"spark_catalog", alias[0], alias[1]})).toSeq(),
            plan);
    }

    private String qualified(List parts) {
        int last = parts.size() - 1;
        String database = last > 0 ? (String) parts.get(last - 1) : current();
        boolean ours = last < 2
            || (last == 2 && Desk.isServer() && "spark_catalog".equalsIgnoreCase((String) parts.get(0)));
        String name = (database + "." + parts.get(last)).toLowerCase(Locale.ROOT);
        if (!ours || name.split("\\.").length != 2) {
            throw new Refused("a table is named with its database, as gold.soil_country_stats; got " + parts);
        }
        return name;
    }

    private String current() {
        String[] names = ((org.apache.spark.sql.classic.SparkSession) session)
            .sessionState().catalogManager().currentNamespace();
        return names.length == 0 ? "" : names[0];
    }

    /** A publication's number, or a time, as `strata sql --at` takes it. */
    private static String when(RelationTimeTravel past) {
        if (past.version().isDefined()) {
            return (String) past.version().get();
        }
        Expression time = (Expression) past.timestamp().get();
        if (!(time instanceof Literal)) {
            throw new Refused("TIMESTAMP AS OF takes a time as text, such as '2026-11-01 12:00'; got " + time.sql());
        }
        return String.valueOf(((Literal) time).value());
    }

    private static final class Replace extends AbstractPartialFunction {
        private final Names names;

        Replace(Names names) {
            this.names = names;
        }

        public boolean isDefinedAt(Object node) {
            return node instanceof UnresolvedRelation || node instanceof RelationTimeTravel;
        }

        public Object applyOrElse(Object node, scala.Function1 otherwise) {
            LogicalPlan found = names.replace(node);
            return found == null ? otherwise.apply(node) : found;
        }
    }
}
