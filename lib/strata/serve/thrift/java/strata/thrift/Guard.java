package strata.thrift;

import java.util.Iterator;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import org.apache.spark.sql.catalyst.TableIdentifier;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.expressions.Literal$;
import org.apache.spark.sql.catalyst.parser.ParseException;
import org.apache.spark.sql.catalyst.parser.ParserInterface;
import org.apache.spark.sql.catalyst.plans.logical.Filter;
import org.apache.spark.sql.catalyst.plans.logical.GlobalLimit;
import org.apache.spark.sql.catalyst.plans.logical.Limit$;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * A session's parser: Spark's own parses, and what it gives is looked at before anything is done.
 * So there is no second grammar to slip between.
 */
final class Guard implements ParserInterface {
    private final SparkSession session;
    private final ParserInterface own;
    /** Looked at once: what changes later is changed by Spark itself, for SET is refused. */
    private volatile boolean isChecked;

    Guard(SparkSession session, ParserInterface own) {
        this.session = session;
        this.own = own;
    }

    public LogicalPlan parsePlan(String text) throws ParseException {
        if (Desk.isOwn(session)) {
            return own.parsePlan(text);
        }
        if (!isChecked) {
            checkSettings();
            isChecked = true;
        }
        LogicalPlan plan = own.parsePlan(text);
        Reading.check(plan);
        Names.pin();
        return Reading.isQuery(plan) ? limited(plan) : plan;
    }

    /** A query that would give more rows fails; it never gives a part of them as if it were all. */
    private LogicalPlan limited(LogicalPlan plan) throws ParseException {
        int rows = Desk.maxRows();
        if (rows <= 0 || within(plan, rows)) {
            return plan;
        }
        Expression check = own.parseExpression(
            "CASE WHEN monotonically_increasing_id() < " + rows + " THEN true ELSE CAST(raise_error('"
            + "a query may give " + rows + " rows, and this one gives more: ask for less, or add a "
            + "LIMIT') AS BOOLEAN) END");
        Literal most = Literal$.MODULE$.apply((Object) Integer.valueOf(rows + 1));
        Object first = Limit$.MODULE$.apply(most, plan);
        return new Filter(check, (LogicalPlan) first);
    }

    private static boolean within(LogicalPlan plan, int rows) {
        if (!(plan instanceof GlobalLimit)) {
            return false;
        }
        Expression limit = ((GlobalLimit) plan).limitExpr();
        return limit instanceof Literal
            && ((Literal) limit).value() instanceof Integer
            && ((Integer) ((Literal) limit).value()).intValue() <= rows;
    }

    /** A client may bring settings when it connects; they would change answers, or reach out. */
    private void checkSettings() {
        Map fixed = Desk.settings();
        Iterator given = CollectionConverters.asJava(session.conf().getAll()).entrySet().iterator();
        while (given.hasNext()) {
            Map.Entry item = (Map.Entry) given.next();
            if (!Desk.HARMLESS.contains(item.getKey())
                && !item.getValue().equals(fixed.get(item.getKey()))) {
                throw new Refused("the server's settings are fixed; this connection sets "
                    + item.getKey() + ": leave it out");
            }
        }
    }

    public Expression parseExpression(String text) throws ParseException {
        return own.parseExpression(text);
    }

    public TableIdentifier parseTableIdentifier(String text) throws ParseException {
        return own.parseTableIdentifier(text);
    }

    public FunctionIdentifier parseFunctionIdentifier(String text) throws ParseException {
        return own.parseFunctionIdentifier(text);
    }

    public Seq parseMultipartIdentifier(String text) throws ParseException {
        return own.parseMultipartIdentifier(text);
    }

    public LogicalPlan parseQuery(String text) throws ParseException {
        return own.parseQuery(text);
    }

    public StructType parseRoutineParam(String text) throws ParseException {
        return own.parseRoutineParam(text);
    }

    public StructType parseTableSchema(String text) throws ParseException {
        return own.parseTableSchema(text);
    }

    public DataType parseDataType(String text) throws ParseException {
        return own.parseDataType(text);
    }
}
