// A delivery tool of your own with Auspex as its brain: `auspex decide` as a co-process.
//
//	go run decide.go [-auspex PATH] [-fault]
//
// readTick and setWeight stand for your telemetry and your router; here they make up a service with
// 200 requests a second. Exit 0 promoted, 1 rolled back.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand"
	"os"
	"os/exec"
)

// Decision is a line that `auspex decide` answers with. Verdict is empty until the rollout ends.
type Decision struct {
	Deployment     string   `json:"deployment"`
	TS             float64  `json:"t_s"`
	Decision       string   `json:"decision"` // advance, hold, limit, promote, roll_back
	Weight         float64  `json:"weight"`   // share of the requests, 0..1
	Confidence     float64  `json:"confidence"`
	LogE           float64  `json:"log_e"`
	PFail          float64  `json:"p_fail"`
	RequestsNeeded *float64 `json:"requests_needed"`
	Verdict        string   `json:"verdict"`
	Reason         string   `json:"reason"`
	Error          string   `json:"error"` // the line was refused and changed nothing
}

// Arm is what one version did in a tick. Slower: requests over the baseline's p50, p90 and p99,
// measured before the rollout; for the canary each edge is 5 % higher.
type Arm struct {
	Requests int   `json:"requests"`
	Errors   int   `json:"errors"`
	Slower   []int `json:"slower"`
}

// Decide is the co-process; one of them carries thousands of deployments.
type Decide struct {
	in  io.WriteCloser
	out *bufio.Reader
	cmd *exec.Cmd
}

func StartDecide(binary string) (*Decide, error) {
	cmd := exec.Command(binary, "decide")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	return &Decide{in, bufio.NewReader(out), cmd}, cmd.Start()
}

// Ask sends a start or a tick and returns its decision.
func (d *Decide) Ask(what string, body map[string]any) (Decision, error) {
	var decision Decision
	line, err := json.Marshal(map[string]any{what: body})
	if err != nil {
		return decision, err
	}
	if _, err := d.in.Write(append(line, '\n')); err != nil {
		return decision, err
	}
	answer, err := d.out.ReadBytes('\n')
	if err != nil {
		return decision, fmt.Errorf("auspex decide ended: %w", err)
	}
	if err := json.Unmarshal(answer, &decision); err != nil {
		return decision, err
	}
	if decision.Error != "" {
		return decision, fmt.Errorf("%s", decision.Error)
	}
	return decision, nil
}

func (d *Decide) Close() error {
	d.in.Close()
	return d.cmd.Wait()
}

// Yours: the router, and counts per arm and tick.

func setWeight(share float64) { fmt.Printf("  router: %5.2f %% to the canary\n", 100*share) }

func countArm(requests int, errorRate float64) Arm {
	arm := Arm{Requests: requests, Slower: make([]int, 3)}
	for i := 0; i < requests; i++ {
		if rand.Float64() < errorRate {
			arm.Errors++
		}
		for j, share := range []float64{.5, .1, .01} {
			if rand.Float64() < share {
				arm.Slower[j]++
			}
		}
	}
	return arm
}

func readTick(share, seconds float64, fault bool) (canary, baseline Arm) {
	requests, onCanary := int(200*seconds), 0
	for i := 0; i < requests; i++ {
		if rand.Float64() < share { // the router draws each request's arm at random
			onCanary++
		}
	}
	rate := .005
	if fault {
		rate = .05
	}
	return countArm(onCanary, rate), countArm(requests-onCanary, .005)
}

func main() {
	binary := flag.String("auspex", "auspex", "the binary")
	fault := flag.Bool("fault", false, "the canary fails ten times as often")
	flag.Parse()
	rand.Seed(1)

	decide, err := StartDecide(*binary)
	if err != nil {
		log.Fatal(err)
	}
	const tick = 10.0
	decision, err := decide.Ask("start", map[string]any{
		"deployment": "checkout-1.8", "service": "checkout", "tick_s": tick, "requests_per_s": 200, "risk": .15,
		"history": map[string]any{"error_rate": .005}})
	if err != nil {
		log.Fatal(err)
	}
	weight := decision.Weight
	setWeight(weight)
	// Wait until the router obeys and the tick is over; here time is made up.
	for t := tick; decision.Verdict == ""; t += tick {
		canary, baseline := readTick(weight, tick, *fault)
		decision, err = decide.Ask("tick", map[string]any{
			"deployment": "checkout-1.8", "t_s": t, "canary": canary, "baseline": baseline})
		if err != nil {
			log.Fatal(err)
		}
		if decision.Weight != weight {
			weight = decision.Weight
			setWeight(weight)
		}
	}
	fmt.Printf("%s after %.0f s, verdict %s: %s\n", decision.Decision, decision.TS, decision.Verdict, decision.Reason)
	if err := decide.Close(); err != nil {
		log.Fatal(err)
	}
	if decision.Decision != "promote" {
		os.Exit(1)
	}
}
