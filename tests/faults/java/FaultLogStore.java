package strata.faults;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * A log store that goes wrong on purpose. Janino compiles it, so there are no generics.
 *
 * The system property strata.fault holds `MODE NTH KEEP REGEX`: the NTH write from now on of a log entry
 * whose path matches REGEX goes wrong in MODE; KEEP is how many thousandths of the bytes a torn write leaves.
 * When it has, strata.fault.fired holds MODE and the path. The modes kill-* end the process group; image-* copy the folder
 * strata.fault.root to strata.fault.image, which is what a process killed there would have left.
 */
public class FaultLogStore extends io.delta.storage.HDFSLogStore {
    public FaultLogStore(Configuration conf) {
        super(conf);
    }

    public void write(Path path, Iterator actions, Boolean overwrite, Configuration conf) throws IOException {
        String[] plan = take(path.toString());
        if (plan == null) {
            super.write(path, actions, overwrite, conf);
            return;
        }
        String mode = plan[0];
        if (mode.equals("before")) {
            throw new IOException("fault: nothing was written");
        }
        if (mode.equals("slow")) {
            try {
                Thread.sleep(300);
            } catch (InterruptedException e) {
                throw new IOException("interrupted");
            }
            super.write(path, actions, overwrite, conf);
            return;
        }
        if (mode.endsWith("-before")) {
            end(mode);
        }
        if (mode.endsWith("torn") || mode.equals("empty")) {
            byte[] whole = bytes(actions);
            int kept = mode.equals("empty") ? 0 : (int) ((long) whole.length * Integer.parseInt(plan[2]) / 1000L);
            FileOutputStream out = new FileOutputStream(new File(path.toUri().getPath()));
            try {
                out.write(whole, 0, kept);
            } finally {
                out.close();
            }
            if (mode.endsWith("-torn")) {
                end(mode);
            }
            throw new IOException("fault: " + kept + " of " + whole.length + " bytes were written");
        }
        super.write(path, actions, overwrite, conf);
        if (mode.endsWith("-after")) {
            end(mode);
        }
        if (mode.equals("exists")) {
            throw new FileAlreadyExistsException(path.toString());
        }
        throw new IOException("fault: written, and the response lost"); // "lost"
    }

    private static synchronized String[] take(String path) throws IOException {
        String text = System.getProperty("strata.fault");
        if (text == null || text.isEmpty()) {
            return null;
        }
        String[] plan = text.split(" ", 4);
        if (!path.matches(plan[3])) {
            return null;
        }
        int left = Integer.parseInt(plan[1]) - 1;
        if (left > 0) {
            System.setProperty("strata.fault", plan[0] + " " + left + " " + plan[2] + " " + plan[3]);
            return null;
        }
        System.setProperty("strata.fault", "");
        System.setProperty("strata.fault.fired", plan[0] + " " + path);
        String log = System.getProperty("strata.fault.log");
        if (log != null) {
            FileOutputStream out = new FileOutputStream(log, true);
            out.write(("fired log." + plan[0] + "@" + path + "\n").getBytes("UTF-8"));
            out.close();
        }
        return plan;
    }

    private static byte[] bytes(Iterator actions) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        while (actions.hasNext()) {
            out.write((((String) actions.next()) + "\n").getBytes("UTF-8"));
        }
        return out.toByteArray();
    }

    private static void end(String mode) throws IOException {
        if (mode.startsWith("kill-")) {
            kill();
        }
        copy(new File(System.getProperty("strata.fault.root")), new File(System.getProperty("strata.fault.image")));
        throw new IOException("fault: the files were copied as they stood");
    }

    private static void copy(File from, File to) throws IOException {
        if (from.isDirectory()) {
            to.mkdirs();
            File[] inside = from.listFiles();
            for (int place = 0; place < inside.length; place++) {
                copy(inside[place], new File(to, inside[place].getName()));
            }
            return;
        }
        java.nio.file.Files.copy(from.toPath(), to.toPath(), new java.nio.file.CopyOption[0]);
    }

    /** SIGKILL for the process group that strata.fault.group names: a child of the tests and its JVM. */
    private static void kill() throws IOException {
        new ProcessBuilder(new String[] {"kill", "-9", "--", "-" + System.getProperty("strata.fault.group")}).start();
        while (true) {
            try {
                Thread.sleep(1000);
            } catch (InterruptedException e) {
                throw new IOException("interrupted");
            }
        }
    }
}
