// SPDX-License-Identifier: Apache-2.0

// A durable workflow of three steps in Temporal, submit to result: one client
// at a time, then many. Prints one JSON line, as the benches do.
//
// The steps do nothing: what is measured is what durability costs. The server is
// `temporal server start-dev` with its database in a file, on loopback.
//
// Usage: temporal-bench TEMPORAL_PROGRAM SECONDS CLIENTS
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

const queue = "steps"

func step(_ context.Context, n int) (int, error) { return n + 1, nil }

func three(ctx workflow.Context, n int) (int, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute})
	for range 3 {
		if err := workflow.ExecuteActivity(ctx, step, n).Get(ctx, &n); err != nil {
			return 0, err
		}
	}
	return n, nil
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func freePort() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func memoryOf(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	check(err)
	kib, _ := strconv.Atoi(string(
		regexp.MustCompile(`VmHWM:\s+(\d+)`).FindSubmatch(text)[1]))
	return kib * 1024
}

func main() {
	seconds, _ := strconv.Atoi(os.Args[2])
	clients, _ := strconv.Atoi(os.Args[3])
	folder, err := os.MkdirTemp("", "temporal-bench-")
	check(err)
	defer os.RemoveAll(folder)
	port := freePort()
	server := exec.Command(os.Args[1], "server", "start-dev", "--headless",
		"--ip", "127.0.0.1", "--port", strconv.Itoa(port), "--log-level", "error",
		"--db-filename", filepath.Join(folder, "temporal.db"))
	check(server.Start())
	defer server.Process.Kill()

	quiet := log.NewStructuredLogger(
		slog.New(slog.NewTextHandler(io.Discard, nil)))
	options := client.Options{
		HostPort: fmt.Sprintf("127.0.0.1:%d", port), Logger: quiet}
	var c client.Client
	for tries := 0; ; tries++ {
		if c, err = client.Dial(options); err == nil {
			break
		}
		if tries == 100 {
			check(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflow(three)
	w.RegisterActivity(step)
	check(w.Start())

	one := func(n int) error {
		run, err := c.ExecuteWorkflow(context.Background(),
			client.StartWorkflowOptions{TaskQueue: queue}, three, n)
		if err != nil {
			return err
		}
		var got int
		if err = run.Get(context.Background(), &got); err == nil && got != n+3 {
			err = fmt.Errorf("%d gave %d", n, got)
		}
		return err
	}
	for tries := 0; one(0) != nil && tries < 50; tries++ {
		time.Sleep(100 * time.Millisecond)
	}
	for n := range 20 {
		check(one(n))
	}
	span := time.Duration(seconds) * time.Second
	var times []float64
	for end := time.Now().Add(span); time.Now().Before(end); {
		start := time.Now()
		check(one(len(times)))
		times = append(times, float64(time.Since(start).Microseconds())/1000)
	}
	sort.Float64s(times)

	var done atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for range clients {
		all.Add(1)
		go func() {
			defer all.Done()
			for time.Since(start) < span {
				check(one(int(done.Add(1))))
			}
		}()
	}
	all.Wait()
	rate := float64(done.Load()) / time.Since(start).Seconds()
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"peer": "temporal",
		"workflow_ms": map[string]float64{
			"median": times[len(times)/2], "p99": times[len(times)*99/100]},
		"workflows_per_second": int(rate), "clients": clients,
		"server_memory_bytes": memoryOf(server.Process.Pid),
	})
}
