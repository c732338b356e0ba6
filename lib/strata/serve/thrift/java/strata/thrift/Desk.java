package strata.thrift;

import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedList;
import java.util.Map;
import java.util.Set;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.hive.thriftserver.HiveThriftServer2;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Where the program that runs the server and the sessions of its clients meet. The program says
 * what is published and answers questions; nothing here reads a ledger.
 */
public final class Desk {
    /** What clients send with every connection, and what the server sets in every session. */
    static final Set HARMLESS = Collections.unmodifiableSet(new HashSet(Arrays.asList(new Object[] {
        "hive.server2.thrift.resultset.default.fetch.size", "spark.sql.hive.version",
        "spark.sql.datetime.java8API.enabled"})));
    private static final long PATIENCE = 120000;
    private static final Object LOCK = new Object();
    private static final LinkedList WAITING = new LinkedList();

    private static SparkSession own;
    private static Map settings = new HashMap();
    private static Configuration files;
    private static volatile int maxRows;
    private static volatile boolean isServer;
    private static volatile Pinned newest = new Pinned(new HashMap(), new String[0]);

    private Desk() {
    }

    /** One question to the program, and its answer. */
    public static final class Question {
        private final String text;
        private String answer;
        private String error;

        Question(String text) {
            this.text = text;
        }

        public String text() {
            return text;
        }

        /** Ends the waiting of all who asked it. */
        public void answer(String answer, String error) {
            synchronized (LOCK) {
                this.answer = answer;
                this.error = error;
                LOCK.notifyAll();
            }
        }
    }

    /** From here on every other session is a client's. */
    public static void open(SparkSession session, int rows, boolean serves) {
        maxRows = rows;
        isServer = serves;
        if (session != own) {
            own = session;
            settings = new HashMap(CollectionConverters.asJava(session.newSession().conf().getAll()));
            files = new Configuration(session.sparkContext().hadoopConfiguration());
        }
    }

    /** Listens, where the session's settings say. */
    public static HiveThriftServer2 listen() {
        return HiveThriftServer2.startWithSparkSession(own, false);
    }

    /** New statements read this set: names, each with its moment, and the ledgers' next entries. */
    public static void show(Map moments, java.util.List next) {
        newest = new Pinned(new HashMap(moments), (String[]) next.toArray(new String[0]));
    }

    /** The next question, or null if there is none for so long. */
    public static Question next(long milliseconds) throws InterruptedException {
        synchronized (LOCK) {
            if (WAITING.isEmpty() && milliseconds > 0) {
                LOCK.wait(milliseconds);
            }
            return WAITING.isEmpty() ? null : (Question) WAITING.removeFirst();
        }
    }

    /** Ends the waiting for a question. */
    public static void wake() {
        synchronized (LOCK) {
            LOCK.notifyAll();
        }
    }

    static boolean isOwn(SparkSession session) {
        return session == own;
    }

    /** Whether there are clients, who look around and choose a database. */
    static boolean isServer() {
        return isServer;
    }

    static int maxRows() {
        return maxRows;
    }

    static Map settings() {
        return settings;
    }

    /** A table by its files and columns, or by SQL: what the program answered, as JSON. */
    static LogicalPlan plan(String recipe) {
        Map read;
        try {
            read = (Map) new ObjectMapper().readValue(recipe, Map.class);
        } catch (java.io.IOException error) {
            throw new Refused("the table cannot be opened: " + error.getMessage());
        }
        if (read.containsKey("sql")) {
            return analyzed(own.sql((String) read.get("sql")));
        }
        java.util.List files = (java.util.List) read.get("files");
        Dataset rows = own.read().schema((StructType) DataType.fromJson((String) read.get("schema")))
            .parquet((String[]) files.toArray(new String[0]));
        if (read.containsKey("explode")) {
            String kept = "feed,publication,run_id,published_at,";
            rows = rows.selectExpr((kept + "explode(" + read.get("explode") + ") AS item").split(","))
                .selectExpr((kept + "item.*").split(","));
        }
        return analyzed(rows);
    }

    private static LogicalPlan analyzed(Dataset rows) {
        return ((org.apache.spark.sql.classic.Dataset) rows).queryExecution().analyzed();
    }

    /** What is published now, asked of the ledgers themselves. */
    static Pinned newest() {
        Pinned shown = newest;
        for (int i = 0; i < shown.next.length; i++) {
            if (exists(shown.next[i])) {
                ask("refresh");
                break;
            }
        }
        return newest;
    }

    private static boolean exists(String file) {
        try {
            Path path = new Path(file);
            return path.getFileSystem(files).exists(path);
        } catch (java.io.IOException error) {
            throw new Refused("the ledger can be looked at; it cannot: " + error.getMessage());
        }
    }

    /** The program's answer; those who ask the same before it is taken up share it. */
    static String ask(String text) {
        synchronized (LOCK) {
            Question question = waiting(text);
            long end = System.currentTimeMillis() + PATIENCE;
            while (question.answer == null && question.error == null) {
                long left = end - System.currentTimeMillis();
                if (left <= 0) {
                    throw new Refused("the server did not find out in time what is published: try again");
                }
                try {
                    LOCK.wait(left);
                } catch (InterruptedException error) {
                    throw new Refused("the query was cancelled");
                }
            }
            if (question.error != null) {
                throw new Refused(question.error);
            }
            return question.answer;
        }
    }

    private static Question waiting(String text) {
        for (int i = 0; i < WAITING.size(); i++) {
            if (((Question) WAITING.get(i)).text().equals(text)) {
                return (Question) WAITING.get(i);
            }
        }
        Question question = new Question(text);
        WAITING.addLast(question);
        LOCK.notifyAll();
        return question;
    }
}
