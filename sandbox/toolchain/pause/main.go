// Command pause holds the namespaces of a pod and reaps what its containers leave behind, until it is told to end.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const version = "v1.0.0"

func main() {
	if len(os.Args) > 1 && os.Args[1] == "-v" {
		fmt.Println("pause", version)
		return
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		for {
			if child, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); child <= 0 && err != syscall.EINTR {
				break
			}
		}
	}
}
