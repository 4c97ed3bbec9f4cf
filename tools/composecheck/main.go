// Reads a Compose file as `docker compose config` does, with all profiles on, and fails on whatever the
// specification refuses: an unknown key, an undefined service, network or volume, a missing variable.
// The environment is the process's own.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: composecheck FILE...")
		os.Exit(64)
	}
	options, err := cli.NewProjectOptions(os.Args[1:], cli.WithOsEnv, cli.WithProfiles([]string{"*"}))
	if err == nil {
		project, loadErr := options.LoadProject(context.Background())
		if err = loadErr; err == nil {
			fmt.Printf("%d services, nothing wrong\n", len(project.Services))
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
