package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// ErrNoLibrary says that libchdb is not on this machine.
var ErrNoLibrary = errors.New("the ClickHouse engine is not installed")

// LibraryEnv names the environment variable that says where libchdb is.
const LibraryEnv = "TOCSIN_LIBCHDB"

// platforms are the npm packages that carry libchdb.
var platforms = map[string]string{
	"linux/amd64":  "lib-linux-x64-gnu",
	"linux/arm64":  "lib-linux-arm64-gnu",
	"darwin/amd64": "lib-darwin-x64",
	"darwin/arm64": "lib-darwin-arm64",
}

// Library finds libchdb: where TOCSIN_LIBCHDB points, else in the folder
// engine/ of the repository that the working directory lies in. The error is
// ErrNoLibrary and says which command brings the library.
func Library() (string, error) {
	if path := os.Getenv(LibraryEnv); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%w: %s names %s, which is not there: correct it, or unset it and run 'make engine'", ErrNoLibrary, LibraryEnv, path)
		}
		return path, nil
	}
	platform, ok := platforms[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return "", fmt.Errorf("%w: there is no libchdb for %s/%s", ErrNoLibrary, runtime.GOOS, runtime.GOARCH)
	}
	root, err := moduleRoot()
	if err != nil {
		return "", fmt.Errorf("%w: %w: run 'make engine' in the repository and start there, or name libchdb.so in %s", ErrNoLibrary, err, LibraryEnv)
	}
	path := filepath.Join(root, "engine", "node_modules", "@chdb", platform, "libchdb.so")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w: %s is not there: run 'make engine'", ErrNoLibrary, path)
	}
	return path, nil
}

// moduleRoot is the nearest folder with a go.mod, from the working directory
// upwards.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod in %s or above", start)
		}
	}
}

// library is libchdb's C interface, as far as we use it. Connections, results
// and insert streams are pointers into its memory, which Go must not follow:
// uintptr.
type library struct {
	setSignals func(on int32)
	connect    func(argc int32, argv **byte) *uintptr
	closeConn  func(conn *uintptr)
	classify   func(conn uintptr, sql *byte, n uintptr, database *byte, dn uintptr, out *analysis) int32
	query      func(conn uintptr, sql *byte, n uintptr, format *byte, fn uintptr, names **byte, nameLens *uintptr, values **byte, valueLens *uintptr, params uintptr) uintptr

	insert        func(conn uintptr, sql *byte, n uintptr, format *byte, fn uintptr) uintptr
	insertAppend  func(stream uintptr, data *byte, n uintptr) int32
	insertDone    func(stream uintptr) uintptr
	insertError   func(stream uintptr) string
	insertDestroy func(stream uintptr)

	buffer      func(result uintptr) unsafe.Pointer
	length      func(result uintptr) uintptr
	elapsed     func(result uintptr) float64
	rowsRead    func(result uintptr) uint64
	bytesRead   func(result uintptr) uint64
	rowsWritten func(result uintptr) uint64
	problem     func(result uintptr) string
	destroy     func(result uintptr)
}

// analysis is libchdb's chdb_query_analysis_v1.
type analysis struct {
	size       uint32
	statements uint32
	_          [2]uint32 // flags and class, which we do not ask for
}

// load binds libchdb, once a process: a library of this size is not unloaded.
var load = sync.OnceValues(func() (*library, error) {
	path, err := Library()
	if err != nil {
		return nil, err
	}
	if err := inUTC(); err != nil {
		return nil, fmt.Errorf("load the ClickHouse engine: %w", err)
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load the ClickHouse engine: %w", err)
	}
	lib := new(library)
	for name, into := range map[string]any{
		"chdb_set_signal_handlers_enabled": &lib.setSignals,
		"chdb_connect":                     &lib.connect,
		"chdb_close_conn":                  &lib.closeConn,
		"chdb_classify_query_n":            &lib.classify,
		"chdb_query_with_params_n":         &lib.query,
		"chdb_stream_insert_n":             &lib.insert,
		"chdb_stream_append":               &lib.insertAppend,
		"chdb_stream_done":                 &lib.insertDone,
		"chdb_stream_insert_error":         &lib.insertError,
		"chdb_destroy_insert_stream":       &lib.insertDestroy,
		"chdb_result_buffer":               &lib.buffer,
		"chdb_result_length":               &lib.length,
		"chdb_result_elapsed":              &lib.elapsed,
		"chdb_result_storage_rows_read":    &lib.rowsRead,
		"chdb_result_storage_bytes_read":   &lib.bytesRead,
		"chdb_result_rows_written":         &lib.rowsWritten,
		"chdb_result_error":                &lib.problem,
		"chdb_destroy_query_result":        &lib.destroy,
	} {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("load the ClickHouse engine from %s: it is another version than 'make engine' brings: %w", path, err)
		}
		purego.RegisterFunc(into, symbol)
	}
	// The Go runtime keeps the signals: before the first connection.
	lib.setSignals(0)
	return lib, nil
})

// inUTC sets the C library's time zone, which the engine takes for its own and
// lets nobody name in another way. SigNoz's servers run in UTC; a laptop does
// not. Go's own idea of the local time stays as it is.
func inUTC() error {
	symbol, err := purego.Dlsym(purego.RTLD_DEFAULT, "setenv")
	if err != nil {
		return err
	}
	var setenv func(name, value string, overwrite int32) int32
	purego.RegisterFunc(&setenv, symbol)
	setenv("TZ", "UTC", 1)
	return nil
}

// leaveAtOnce keeps libchdb's destructors from running while its threads are
// at work, which crashes a process that ends with the engine open. Only a
// program built with -race ends through C's exit, which runs them. What is
// registered last runs first, so this is called when the engine has started;
// _exit keeps the status. Where there is no on_exit, as on macOS, nothing is
// registered.
func leaveAtOnce() {
	onExit, err := purego.Dlsym(purego.RTLD_DEFAULT, "on_exit")
	if err != nil {
		return
	}
	exit, err := purego.Dlsym(purego.RTLD_DEFAULT, "_exit")
	if err != nil {
		return
	}
	var register func(handler, arg uintptr) int32
	purego.RegisterFunc(&register, onExit)
	register(exit, 0)
}

// open connects to the engine of a folder, and starts it with the first
// connection of the process. It returns nil when libchdb refuses.
func (l *library) open(dir string) *uintptr {
	args := [][]byte{[]byte("clickhouse\x00"), []byte("--path=" + dir + "\x00")}
	argv := []*byte{&args[0][0], &args[1][0]}
	conn := l.connect(int32(len(argv)), &argv[0])
	runtime.KeepAlive(args)
	runtime.KeepAlive(argv)
	return conn
}
