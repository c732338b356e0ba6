package strata.thrift;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import org.apache.spark.sql.catalyst.analysis.UnresolvedFunction;
import org.apache.spark.sql.catalyst.analysis.UnresolvedTableValuedFunction;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.PlanExpression;
import org.apache.spark.sql.catalyst.plans.QueryPlan;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.trees.TreeNode;
import scala.Product;
import scala.collection.Iterable;
import scala.jdk.javaapi.CollectionConverters;

/** Whether a parsed statement only reads. What is not known to read, today's or a later Spark's, is refused. */
final class Reading {
    /** Nodes of a query. */
    private static final Set QUERY = set(
        "Project Filter Aggregate Join LateralJoin Sort GlobalLimit LocalLimit Offset Tail Distinct"
        + " Union Intersect Except SubqueryAlias UnresolvedWith Window WithWindowDefinition"
        + " UnresolvedPivot Pivot UnresolvedUnpivot Unpivot Generate Sample UnresolvedInlineTable"
        + " OneRowRelation UnresolvedRelation UnresolvedHaving Range RelationTimeTravel"
        + " UnresolvedSubqueryColumnAliases UnresolvedTableValuedFunction UnresolvedTVFAliases"
        + " UnresolvedHint AsOfJoin Deduplicate LocalRelation ResolvedInlineTable UnresolvedOrdinal"
        + " AggregateWithHaving NamedParametrizedQuery NameParameterizedQuery");
    /** Whole statements by which clients look around. */
    private static final Set LOOKING = set(
        "ShowTables ShowTablesCommand ShowTableExtended ShowTablesExtended ShowViews ShowViewsCommand ShowNamespaces"
        + " ShowNamespacesCommand ShowColumns ShowColumnsCommand ShowFunctions ShowTableProperties"
        + " ShowCurrentNamespaceCommand ShowCatalogsCommand DescribeRelation DescribeColumn"
        + " DescribeNamespace DescribeFunction DescribeFunctionCommand DescribeQueryCommand"
        + " SetNamespaceCommand SetCatalogAndNamespace");
    /** What they name. */
    private static final Set NAMED = set(
        "UnresolvedNamespace CurrentNamespace UnresolvedTableOrView UnresolvedTable UnresolvedView"
        + " UnresolvedFunctionName UnresolvedIdentifier");
    /** What stands in a query for what Spark has yet to find; any other kind may hide what it names. */
    private static final Set UNRESOLVED = set(
        "UnresolvedAttribute UnresolvedStar UnresolvedStarExceptOrReplace UnresolvedStarWithColumns"
        + " UnresolvedAlias UnresolvedExtractValue UnresolvedNamedLambdaVariable UnresolvedFunction"
        + " UnresolvedOrdinal UnresolvedWindowExpression UnresolvedRegex");
    /** Expressions that are looked for again when all is found. */
    private static final Set NEVER = set(
        "CallMethodViaReflection TryReflect InputFileName InputFileBlockStart InputFileBlockLength"
        + " FromProtobuf ToProtobuf");
    private static final Set TABLE_FUNCTIONS = set(
        "range explode explode_outer posexplode posexplode_outer inline inline_outer stack");
    /** They reach beyond rows: into Java, files, the cluster, or fail and wait on purpose. */
    private static final Set REFUSED = set(
        "reflect try_reflect java_method input_file_name input_file_block_start"
        + " input_file_block_length raise_error assert_true from_protobuf to_protobuf");

    private Reading() {
    }

    static boolean isQuery(LogicalPlan plan) {
        return QUERY.contains(kind(plan));
    }

    static void check(LogicalPlan plan) {
        String kind = kind(plan);
        boolean looks = Desk.isServer() && LOOKING.contains(kind);
        if (!looks && !QUERY.contains(kind)) {
            throw refused(kind);
        }
        walk(plan, looks);
    }

    /** Everything that the parser made: nodes, their lists and pairs, and what hides in them. */
    private static void walk(Object item, boolean looks) {
        if (item instanceof LogicalPlan) {
            checkNode((LogicalPlan) item, looks);
        }
        if (item instanceof Expression) {
            checkExpression(item.getClass().getSimpleName());
        }
        if (item instanceof UnresolvedFunction) {
            checkFunction(CollectionConverters.asJava(((UnresolvedFunction) item).nameParts()));
        }
        if (item instanceof Iterable) {
            Iterator parts = CollectionConverters.asJava(((Iterable) item).iterator());
            while (parts.hasNext()) {
                walk(parts.next(), looks);
            }
        } else if (item instanceof Product) {
            Iterator parts = CollectionConverters.asJava(((Product) item).productIterator());
            while (parts.hasNext()) {
                walk(parts.next(), looks);
            }
        }
        if (item instanceof TreeNode) {
            walk(((TreeNode) item).children(), looks);
        }
    }

    private static void checkExpression(String kind) {
        if (kind.contains("Unresolved") && !UNRESOLVED.contains(kind)) {
            throw refused(kind);
        }
    }

    /** A second look, at the plan in which every name has been found. */
    static void checkFound(QueryPlan plan) {
        each(plan.expressions());
        Iterator parts = CollectionConverters.asJava(plan.children().iterator());
        while (parts.hasNext()) {
            checkFound((QueryPlan) parts.next());
        }
    }

    private static void each(scala.collection.immutable.Seq expressions) {
        Iterator parts = CollectionConverters.asJava(expressions.iterator());
        while (parts.hasNext()) {
            Expression item = (Expression) parts.next();
            if (NEVER.contains(item.getClass().getSimpleName())) {
                throw new Refused("the function " + item.prettyName()
                    + " is not allowed here: it reaches beyond the published tables");
            }
            if (item instanceof PlanExpression) {
                checkFound(((PlanExpression) item).plan());
            }
            each(item.children());
        }
    }

    private static void checkNode(LogicalPlan plan, boolean looks) {
        String kind = kind(plan);
        boolean known = QUERY.contains(kind) || (looks && (LOOKING.contains(kind) || NAMED.contains(kind)));
        if (!known) {
            throw refused(kind);
        }
        if (plan instanceof UnresolvedTableValuedFunction) {
            List name = CollectionConverters.asJava(((UnresolvedTableValuedFunction) plan).name());
            if (name.size() != 1 || !TABLE_FUNCTIONS.contains(lower(name.get(0)))) {
                throw new Refused("the table function " + name + " is not allowed here: it may read more than published tables");
            }
        }
    }

    private static void checkFunction(List name) {
        if (name.size() != 1 || REFUSED.contains(lower(name.get(0)))) {
            throw new Refused("the function " + name
                + " is not allowed here: it reaches beyond the published tables");
        }
    }

    /** A Scala object's class is named with a $ at its end. */
    private static String kind(LogicalPlan plan) {
        return plan.getClass().getSimpleName().replace("$", "");
    }

    private static Refused refused(String kind) {
        return new Refused("only queries are allowed here, and only of published tables; found "
            + kind + ": use a single SELECT");
    }

    private static String lower(Object name) {
        return ((String) name).toLowerCase(java.util.Locale.ROOT);
    }

    private static Set set(String words) {
        return new HashSet(Arrays.asList(words.split(" ")));
    }
}
