package gateway

import (
	"errors"
	"fmt"
	"strings"
)

// maxGUID is the limit of a GUID in bytes; a real one has about 50.
const maxGUID = 256

// guidName begins the value of a Set-GUID header (page 05_4015).
const guidName = "JSESSIONID="

// CheckGUID returns an error that says why guid is unusable, or nil. It decides for every
// GUID that comes in: from a caller, in a Set-GUID header, and in the result of updateGuid.
//
// A usable GUID is 1 to 256 characters that a cookie may have (RFC 6265, section 4.1.1):
// visible ASCII without quotation mark, comma, semicolon and backslash. The pages show a
// UUID and a node; gateways also issue hexadecimal digits, and base64 with =. No error
// repeats a part of guid.
func CheckGUID(guid string) error {
	switch {
	case guid == "":
		return errors.New("it is empty")
	case len(guid) >= len(guidName) && strings.EqualFold(guid[:len(guidName)], guidName):
		return errors.New("the GUID is the part behind the = of Set-GUID: JSESSIONID=GUID; send that part alone")
	case len(guid) > maxGUID:
		return fmt.Errorf("it is longer than %d bytes", maxGUID)
	}
	for i := range len(guid) {
		if b := guid[i]; b < '!' || b > '~' || b == '"' || b == ',' || b == ';' || b == '\\' {
			return errors.New("it has a character that is not visible ASCII, or one of \" , ; \\")
		}
	}
	return nil
}

// issuedGUID returns the GUID of a Set-GUID header, whose form is JSESSIONID=GUID. Servlet
// containers add the attributes of a cookie, such as ; Path=/. It returns neither a GUID nor
// an error for an empty header.
func issuedGUID(header string) (string, error) {
	if header == "" {
		return "", nil
	}
	guid := header
	if len(guid) >= len(guidName) && strings.EqualFold(guid[:len(guidName)], guidName) {
		guid = guid[len(guidName):]
	}
	guid, _, _ = strings.Cut(guid, ";")
	guid = strings.TrimRight(guid, " \t")
	if err := CheckGUID(guid); err != nil {
		return "", fmt.Errorf("the new GUID is unusable: %w", err)
	}
	return guid, nil
}
