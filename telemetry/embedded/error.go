package embedded

import (
	"fmt"
	"regexp"
	"strconv"
)

// Codes that the front gives itself, in the places where a server would.
const (
	codeUnknown        = 1001 // STD_EXCEPTION: libchdb said something without a code
	codeNotImplemented = 48
	codeSyntax         = 62
	codeUnknownSetting = 115
)

// Error is what ClickHouse answers to a statement that it does not run to its
// end. Code is ClickHouse's number of the mistake: 47 an unknown name, 60 an
// unknown table, 62 syntax, 115 an unknown setting, 159 out of time, 164 not
// for a reader.
type Error struct {
	Code int
	Msg  string
}

func (e *Error) Error() string { return fmt.Sprintf("clickhouse: code %d: %s", e.Code, e.Msg) }

// wire is the error as a server writes it into an HTTP answer.
func (e *Error) wire() string { return fmt.Sprintf("Code: %d. DB::Exception: %s", e.Code, e.Msg) }

var errorText = regexp.MustCompile(`(?s)^\s*(?:Error: )?Code: (\d+)\. (?:DB::Exception: )?(.*)$`)

// parseError takes "Code: 47. DB::Exception: Unknown …" apart.
func parseError(text string) *Error {
	m := errorText.FindStringSubmatch(text)
	if m == nil {
		return &Error{Code: codeUnknown, Msg: text}
	}
	code, err := strconv.Atoi(m[1])
	if err != nil {
		return &Error{Code: codeUnknown, Msg: text}
	}
	return &Error{Code: code, Msg: m[2]}
}
