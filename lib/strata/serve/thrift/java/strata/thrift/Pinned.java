package strata.thrift;

import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;

/** One published set: which version each name means. It is exchanged whole, never changed. */
final class Pinned {
    private static final int KEPT = 500;
    /** Recipe of a version to its plan: a version is opened once, whoever reads it. */
    private static final Map PLANS = Collections.synchronizedMap(new LinkedHashMap(64, 0.75f, true) {
        protected boolean removeEldestEntry(Map.Entry eldest) {
            return size() > KEPT;
        }
    });

    /** Name to the moment by which it is pinned, as `soil=3`. */
    private final Map moments;
    /** The ledgers' next entries: while none of them exists, nothing newer is published. */
    final String[] next;
    private final Map recipes = Collections.synchronizedMap(new HashMap());

    Pinned(Map moments, String[] next) {
        this.moments = moments;
        this.next = next;
    }

    LogicalPlan open(String name, String at) {
        String moment = at == null ? (String) moments.get(name) : at;
        if (moment == null) {
            throw new Refused("a table must be published to be read; " + name + " is not: try SHOW TABLES IN gold");
        }
        String key = name + "\n" + moment;
        String recipe = (String) recipes.get(key);
        if (recipe == null) {
            recipe = Desk.ask("open\n" + key);
            recipes.put(key, recipe);
        }
        LogicalPlan plan = (LogicalPlan) PLANS.get(recipe);
        if (plan == null) {
            plan = Desk.plan(recipe);
            PLANS.put(recipe, plan);
        }
        return plan;
    }
}
