package strata.thrift;

import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.parser.ParserInterface;
import org.apache.spark.sql.catalyst.plans.QueryPlan;
import scala.runtime.AbstractFunction1;
import scala.runtime.AbstractFunction2;
import scala.runtime.BoxedUnit;

/**
 * The extension that makes every session read published tables and do nothing else, the server's
 * own session aside. Named last in spark.sql.extensions, it comes before every other parser.
 */
public final class ReadOnly extends AbstractFunction1 {
    public Object apply(Object extensions) {
        SparkSessionExtensions given = (SparkSessionExtensions) extensions;
        given.injectParser(new AbstractFunction2() {
            public Object apply(Object session, Object parser) {
                return new Guard((SparkSession) session, (ParserInterface) parser);
            }
        });
        given.injectHintResolutionRule(new AbstractFunction1() {
            public Object apply(Object session) {
                return new Names((SparkSession) session);
            }
        });
        given.injectCheckRule(new AbstractFunction1() {
            public Object apply(Object session) {
                return new Found((SparkSession) session);
            }
        });
        return BoxedUnit.UNIT;
    }

    /** Looks at what a statement came to, once Spark has found every name. */
    private static final class Found extends AbstractFunction1 {
        private final SparkSession session;

        Found(SparkSession session) {
            this.session = session;
        }

        public Object apply(Object plan) {
            if (!Desk.isOwn(session)) {
                Reading.checkFound((QueryPlan) plan);
            }
            return BoxedUnit.UNIT;
        }
    }
}
