package strata.faults;

/** The local file system under the scheme `fault`, so that one session has faulty tables beside sound ones. */
public class FaultFileSystem extends org.apache.hadoop.fs.RawLocalFileSystem {
    public String getScheme() {
        return "fault";
    }

    public java.net.URI getUri() {
        return java.net.URI.create("fault:///");
    }
}
