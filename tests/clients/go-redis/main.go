// go-redis against a cluster: main.go <host:port>; over all data types: main.go <host:port> standalone|cluster.
package main

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/redis/go-redis/v9"
)

const (
	keys    = 10000
	workers = 16
)

func main() {
	run := run
	if len(os.Args) > 2 {
		run = func(address string) error { return runTypes(address, os.Args[2]) }
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address string) error {
	ctx := context.Background()
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{address}})
	defer cluster.Close()
	err := each(func(number int) error {
		return cluster.Set(ctx, name(number), value(number), 0).Err()
	})
	if err != nil {
		return err
	}
	err = each(func(number int) error {
		found, err := cluster.Get(ctx, name(number)).Result()
		if err == nil && found != value(number) {
			err = fmt.Errorf("%s is %q", name(number), found)
		}
		return err
	})
	if err != nil {
		return err
	}
	var mutex sync.Mutex
	nodes := 0
	err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		size, err := node.DBSize(ctx).Result()
		if err == nil && size == 0 {
			err = fmt.Errorf("%s has no key", node.Options().Addr)
		}
		mutex.Lock()
		nodes++
		mutex.Unlock()
		return err
	})
	if err != nil {
		return err
	}
	fmt.Printf("go-redis: %d keys set and read over %d nodes\n", keys, nodes)
	return nil
}

func name(number int) string  { return fmt.Sprintf("go-redis:%d", number) }
func value(number int) string { return fmt.Sprintf("value-%d", number) }

// each calls the function for every number, some at a time, and returns the first error.
func each(call func(number int) error) error {
	numbers, failed := make(chan int), make(chan error, workers)
	var group sync.WaitGroup
	for worker := 0; worker < workers; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for number := range numbers {
				if err := call(number); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		}()
	}
	for number := 0; number < keys; number++ {
		numbers <- number
	}
	close(numbers)
	group.Wait()
	close(failed)
	return <-failed
}
