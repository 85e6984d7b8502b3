package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

// applicationID marks a SQLite file as Tocsin's; 0001 writes it.
const applicationID = 0x546F6373

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations gives the steps from an empty file to the newest schema, in
// order. A file's user_version is how many it has seen.
func migrations() []string {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql") // sorted by name
	if err != nil {
		panic(err) // the pattern is a constant
	}
	var steps []string
	for _, name := range names {
		b, err := migrationFiles.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		steps = append(steps, string(b))
	}
	return steps
}

// version gives how many of the steps the file has seen. A file that this
// program cannot know how to read is refused.
func (db *DB) version(ctx context.Context, pool *sql.DB, steps int) (int, error) {
	var version, application, tables int
	err := pool.QueryRowContext(ctx, `SELECT
		(SELECT user_version FROM pragma_user_version),
		(SELECT application_id FROM pragma_application_id),
		(SELECT count(*) FROM sqlite_schema)`).Scan(&version, &application, &tables)
	if err != nil {
		return 0, db.explain(err)
	}
	if tables > 0 && application != applicationID {
		return 0, errors.New("this is another program's SQLite file: give Tocsin a path of its own")
	}
	if version > steps {
		return 0, fmt.Errorf("a newer Tocsin wrote it (schema %d, this one knows up to %d): "+
			"run that version again, or put back a backup from before it; nothing was changed", version, steps)
	}
	return version, nil
}

// migrate takes the steps that the file has not seen, each in a transaction of
// its own.
func (db *DB) migrate(ctx context.Context, steps []string) error {
	version, err := db.version(ctx, db.w, len(steps))
	if err != nil {
		return err
	}
	for n, step := range steps[version:] {
		number := version + n + 1
		err := db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, step); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA user_version = %d`, number))
			return err
		})
		if err != nil {
			return fmt.Errorf("bring it to schema %d: %w", number, err)
		}
	}
	return nil
}
