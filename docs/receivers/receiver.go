// A receiver of Forebay's deliveries. Run: FOREBAY_SECRET=whsec_… go run receiver.go 3000
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

var key, _ = base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("FOREBAY_SECRET"), "whsec_"))

func verified(header http.Header, body []byte) bool {
	id, sent := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(sent, 10, 64)
	if err != nil || len(key) == 0 || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, sent, body)
	wanted := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, given := range strings.Split(header.Get("webhook-signature"), " ") { // several while a secret is rotated
		if hmac.Equal([]byte(given), []byte(wanted)) {
			return true
		}
	}
	return false
}

func main() {
	log.Fatal(http.ListenAndServe(":"+os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !verified(r.Header, body) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var event struct{ Type, ID string } // the same id again is the same event
		if json.Unmarshal(body, &event) == nil {
			fmt.Println(event.Type, event.ID)
		}
		w.WriteHeader(http.StatusNoContent)
	})))
}
