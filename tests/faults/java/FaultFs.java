package strata.faults;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import org.apache.hadoop.conf.Configuration;

/** The same file system as Delta's log store asks for it, with a rename that does not overwrite. */
public class FaultFs extends org.apache.hadoop.fs.DelegateToFileSystem {
    public FaultFs(URI uri, Configuration conf) throws IOException, URISyntaxException {
        super(uri, new FaultFileSystem(), conf, "fault", false);
    }

    public int getUriDefaultPort() {
        return -1;
    }
}
