// Command coredns is CoreDNS with the plugins that the cluster of the sandbox uses, and no other.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"

	"github.com/coredns/coredns/coremain"
)

func init() {
	// The order in which plugins handle a query is that of the publisher's plugin.cfg.
	dnsserver.Directives = []string{
		"bind", "ready", "errors", "cache", "template", "hosts", "kubernetes", "forward",
	}
}

func main() {
	coremain.Run()
}
