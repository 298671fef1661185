package certificates_test

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/internal/testca"
	"agentconf/server/internal/certificates"
)

// files returns the names of a certificate, a key and CAs in dir.
func files(dir string) certificates.Files {
	return certificates.Files{
		Certificate: certificates.File{Flag: "--cert", Name: filepath.Join(dir, "tls.crt")},
		Key:         certificates.File{Flag: "--key", Name: filepath.Join(dir, "tls.key")},
		CAs:         certificates.File{Flag: "--ca", Name: filepath.Join(dir, "ca.crt")},
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func writePair(t *testing.T, f certificates.Files, pair testca.Pair) {
	t.Helper()
	write(t, f.Certificate.Name, pair.Certificate)
	write(t, f.Key.Name, pair.Key)
}

// load loads files without faults. The buffer gets the log.
func load(t *testing.T, f certificates.Files) (*certificates.Reloader, *bytes.Buffer) {
	t.Helper()
	reloader, faults := certificates.Load(f)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	log := &bytes.Buffer{}
	reloader.LogTo(slog.New(slog.NewTextHandler(log, nil)))
	return reloader, log
}

// nextSubject returns the common name of the certificate that the next handshake sends.
func nextSubject(t *testing.T, reloader *certificates.Reloader) string {
	t.Helper()
	server, err := reloader.Server().GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := reloader.Client().GetClientCertificate(&tls.CertificateRequestInfo{})
	if err != nil || client != server {
		t.Fatalf("a client sends another certificate: %v", err)
	}
	return server.Leaf.Subject.CommonName
}

// A handshake uses replaced files a second after the last check, however they were replaced.
func TestReplacedFiles(t *testing.T) {
	for name, replace := range map[string]func(t *testing.T, f certificates.Files, pair testca.Pair){
		"overwritten": writePair,
		"moved": func(t *testing.T, f certificates.Files, pair testca.Pair) {
			other := files(t.TempDir())
			writePair(t, other, pair)
			for to, from := range map[string]string{f.Certificate.Name: other.Certificate.Name, f.Key.Name: other.Key.Name} {
				if err := os.Rename(from, to); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, ca := files(t.TempDir()), testca.New(t)
			write(t, f.CAs.Name, ca.PEM)
			writePair(t, f, ca.Issue(t, "old"))
			synctest.Test(t, func(t *testing.T) {
				reloader, log := load(t, f)
				replace(t, f, ca.Issue(t, "new"))
				if got := nextSubject(t, reloader); got != "old" {
					t.Errorf("%s within the check interval", got)
				}
				time.Sleep(time.Second)
				if got := nextSubject(t, reloader); got != "new" {
					t.Errorf("%s after a second", got)
				}
				if text := log.String(); strings.Count(text, "level=INFO") != 1 || !strings.Contains(text, `subject="CN=new"`) ||
					!strings.Contains(text, f.Key.Name) || strings.Count(text, "\n") != 1 {
					t.Errorf("log\n%s", text)
				}
			})
		})
	}
}

// Kubernetes mounts a secret as symlinks into ..data, itself a symlink, which it replaces: all
// files change at once.
func TestReplacedByKubernetes(t *testing.T) {
	dir, ca := t.TempDir(), testca.New(t)
	f := files(dir)
	mount := func(version string, pair testca.Pair) {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		writePair(t, files(filepath.Join(dir, version)), pair)
		write(t, files(filepath.Join(dir, version)).CAs.Name, ca.PEM)
		link(t, version, filepath.Join(dir, "..data_tmp"))
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"tls.crt", "tls.key", "ca.crt"} {
		link(t, filepath.Join("..data", name), filepath.Join(dir, name))
	}
	mount("..first", ca.Issue(t, "first"))
	synctest.Test(t, func(t *testing.T) {
		reloader, log := load(t, f)
		for _, name := range []string{"second", "third"} {
			mount(".."+name, ca.Issue(t, name))
			time.Sleep(time.Second)
			if got := nextSubject(t, reloader); got != name {
				t.Errorf("%s, want the %s", got, name)
			}
		}
		if got := strings.Count(log.String(), "level=INFO"); got != 2 || strings.Contains(log.String(), "ERROR") {
			t.Errorf("log\n%s", log)
		}
	})
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

// Faulty files leave the old contents in use and are logged once. Repaired files are loaded.
func TestFaultyFiles(t *testing.T) {
	ca := testca.New(t)
	other := ca.Issue(t, "new")
	for name, test := range map[string]struct {
		damage func(t *testing.T, f certificates.Files)
		fault  string
	}{
		"another key": {func(t *testing.T, f certificates.Files) { write(t, f.Key.Name, other.Key) }, "private key does not match"},
		"no file":     {func(t *testing.T, f certificates.Files) { os.Remove(f.Certificate.Name) }, "--cert: open "},
		"empty":       {func(t *testing.T, f certificates.Files) { write(t, f.Certificate.Name, "") }, "failed to find any PEM data"},
		"half a chain": {func(t *testing.T, f certificates.Files) {
			write(t, f.Certificate.Name, ca.Issue(t, "half").Certificate+ca.PEM[:len(ca.PEM)/2])
		}, "--cert: " + "{dir}/tls.crt is cut off"},
		"half of the CAs": {func(t *testing.T, f certificates.Files) { write(t, f.CAs.Name, ca.PEM+ca.PEM[:len(ca.PEM)-3]) }, "ca.crt is cut off"},
		"no CAs":          {func(t *testing.T, f certificates.Files) { write(t, f.CAs.Name, "none") }, "ca.crt has no certificate in PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			f := files(t.TempDir())
			writePair(t, f, ca.Issue(t, "old"))
			write(t, f.CAs.Name, ca.PEM)
			synctest.Test(t, func(t *testing.T) {
				reloader, log := load(t, f)
				test.damage(t, f)
				for range 3 {
					time.Sleep(time.Second)
					if got := nextSubject(t, reloader); got != "old" {
						t.Errorf("the handshake sends %s", got)
					}
					if !reloader.Server().ClientCAs.Equal(ca.Pool) {
						t.Error("other CAs are in use")
					}
				}
				fault := strings.ReplaceAll(test.fault, "{dir}", filepath.Dir(f.CAs.Name))
				if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "level=ERROR") || !strings.Contains(text, fault) {
					t.Errorf("want one error, %s, in\n%s", fault, text)
				}
				writePair(t, f, other)
				write(t, f.CAs.Name, ca.PEM)
				time.Sleep(time.Second)
				if got := nextSubject(t, reloader); got != "new" {
					t.Errorf("the handshake sends %s after the repair", got)
				}
			})
		})
	}
}

// New CAs replace the old ones, for servers and for clients.
func TestReplacedCAs(t *testing.T) {
	f, first, second := files(t.TempDir()), testca.New(t), testca.New(t)
	f.Certificate, f.Key = certificates.File{}, certificates.File{}
	write(t, f.CAs.Name, first.PEM)
	synctest.Test(t, func(t *testing.T) {
		reloader, _ := load(t, f)
		for _, ca := range []*testca.CA{first, second} {
			write(t, f.CAs.Name, ca.PEM)
			time.Sleep(time.Second)
			if server, client := reloader.Server(), reloader.Client(); !server.ClientCAs.Equal(ca.Pool) || !client.RootCAs.Equal(ca.Pool) ||
				server.ClientAuth != tls.RequireAndVerifyClientCert || client.GetClientCertificate != nil {
				t.Errorf("server %+v, client %+v", server, client)
			}
		}
	})
}

// Without files a client uses the system's roots and sends no certificate.
func TestNoFiles(t *testing.T) {
	reloader, log := load(t, certificates.Files{})
	if c := reloader.Client(); c.RootCAs != nil || c.GetClientCertificate != nil || log.Len() > 0 {
		t.Errorf("%+v, log %s", c, log)
	}
	if c := reloader.Server(); c.ClientCAs != nil || c.ClientAuth != tls.NoClientCert {
		t.Errorf("%+v", c)
	}
}

// Load returns every fault, not only the first.
func TestFaults(t *testing.T) {
	good, ca := files(t.TempDir()), testca.New(t)
	writePair(t, good, ca.Issue(t, "good"))
	none := certificates.File{Flag: "--none"}
	missing := files("/does/not/exist")
	for name, test := range map[string]struct {
		files certificates.Files
		want  []string
	}{
		"no key":         {certificates.Files{Certificate: good.Certificate, Key: none}, []string{"--cert: requires --none; set both"}},
		"no certificate": {certificates.Files{Certificate: none, Key: good.Key}, []string{"--key: requires --none; set both"}},
		"no such file":   {missing, []string{"--cert: open /does", "--key: open /does", "--ca: open /does"}},
		"no such file and no key": {certificates.Files{Certificate: missing.Certificate, Key: none, CAs: missing.CAs},
			[]string{"--cert: requires --none", "--cert: open /does", "--ca: open /does"}},
		"key twice":    {certificates.Files{Certificate: good.Key, Key: good.Key}, []string{" and --key " + good.Key.Name + ": tls: "}},
		"a key as CAs": {certificates.Files{CAs: good.Key}, []string{"has no certificate in PEM"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, faults := certificates.Load(test.files)
			for i, part := range test.want {
				if len(faults) != len(test.want) || !strings.Contains(faults[i].Error(), part) {
					t.Fatalf("faults %q, want %q", faults, test.want)
				}
			}
		})
	}
}

// A certificate outside its validity is used, with a warning.
func TestInvalidPeriod(t *testing.T) {
	ca, now := testca.New(t), time.Now()
	for word, pair := range map[string]testca.Pair{
		"expired":   ca.IssueFor(t, "x", now.Add(-2*time.Hour), now.Add(-time.Hour)),
		"not valid": ca.IssueFor(t, "x", now.Add(time.Hour), now.Add(2*time.Hour)),
	} {
		f := files(t.TempDir())
		f.CAs = certificates.File{}
		writePair(t, f, pair)
		_, log := load(t, f)
		if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), word) {
			t.Errorf("want %q in the log: %s", word, log)
		}
	}
}

// Reload reads the files at once, and reports whether it has loaded new contents.
func TestReload(t *testing.T) {
	f, ca := files(t.TempDir()), testca.New(t)
	f.CAs = certificates.File{}
	writePair(t, f, ca.Issue(t, "old"))
	synctest.Test(t, func(t *testing.T) {
		reloader, _ := load(t, f)
		if reloader.Reload() {
			t.Error("Reload reports new contents of unchanged files")
		}
		writePair(t, f, ca.Issue(t, "new"))
		if !reloader.Reload() || nextSubject(t, reloader) != "new" || reloader.Certificate().Subject.CommonName != "new" {
			t.Errorf("%s after Reload", nextSubject(t, reloader))
		}
	})
}

// A FIFO, a directory, a huge file, an encrypted key and a binary file are faults with a
// remedy. None of them blocks.
func TestUnusableFiles(t *testing.T) {
	dir, pair := t.TempDir(), testca.New(t).Issue(t, "x")
	block, _ := pem.Decode([]byte(pair.Certificate))
	key, _ := pem.Decode([]byte(pair.Key))
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	file := func(name string, content []byte) string {
		name = filepath.Join(dir, name)
		write(t, name, string(content))
		return name
	}
	encrypted := func(block *pem.Block) []byte { return pem.EncodeToMemory(block) }
	for want, name := range map[string]string{
		"is not a regular file": fifo,
		dir + " is not a regular file; set the name of a PEM file":                                  dir,
		"is larger than 1048576 bytes":                                                              file("huge", bytes.Repeat([]byte("x"), 1<<20+1)),
		"is a certificate in DER and not PEM; convert it with: openssl x509 -inform der -in " + dir: file("der.crt", block.Bytes),
		"is a key in DER and not PEM; convert it with: openssl pkey -inform der":                    file("der.key", key.Bytes),
		"is PKCS #12 and not PEM; convert it with: openssl pkcs12":                                  file("p12", []byte{0x30, 0x05, 0x02, 0x01, 0x03, 0x30, 0x00}),
		"the key in " + dir + "/pkcs8 is encrypted":                                                 file("pkcs8", encrypted(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: key.Bytes})),
		"the key in " + dir + "/pkcs1 is encrypted": file("pkcs1", encrypted(&pem.Block{Type: "RSA PRIVATE KEY",
			Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: key.Bytes})),
	} {
		_, faults := certificates.Load(certificates.Files{
			Certificate: certificates.File{Flag: "--cert", Name: file("ok.crt", []byte(pair.Certificate))},
			Key:         certificates.File{Flag: "--key", Name: name},
		})
		if len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), "--key: ") || !strings.Contains(faults[0].Error(), want) {
			t.Errorf("%s: faults %q, want %q", name, faults, want)
		}
	}
}
