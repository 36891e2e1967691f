// Karpenter with its kwok cloud, which can also refuse a launch, take its time, and lose instances.
//
// Put together as kwok/main.go of Karpenter's module is; the cloud provider is decorated. What it does
// is in the file that KERF_CLOUD names, read anew at each call (kerf_bed/faults.py writes it):
//
//	{"launchSeconds": 2, "neverJoins": true,
//	 "refused": [{"type": "p5.4xlarge", "zone": "us-east-1a", "capacityType": "spot"}],
//	 "lost": {"NODE": true}}
//
// A field that a refusal leaves out holds for all. As EC2 does, it takes another offering that the claim
// allows if there is one, and says InsufficientCapacity if there is none. An instance that is lost is no
// longer listed, so that Karpenter collects its claim as it does on EC2. A Node says nothing of what it has
// before its kubelet does; while instances never join there is no Node of theirs.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/samber/lo"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	kwok "sigs.k8s.io/karpenter/kwok/cloudprovider"
	v1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/cloudprovider/overlay"
	"sigs.k8s.io/karpenter/pkg/controllers"
	"sigs.k8s.io/karpenter/pkg/controllers/state"
	"sigs.k8s.io/karpenter/pkg/operator"
	"sigs.k8s.io/karpenter/pkg/scheduling"
)

type offer struct {
	Type         string `json:"type"`
	Zone         string `json:"zone"`
	CapacityType string `json:"capacityType"`
}

type rules struct {
	LaunchSeconds float64        `json:"launchSeconds"`
	NeverJoins    bool           `json:"neverJoins"`
	Refused       []offer        `json:"refused"`
	Lost          map[string]any `json:"lost"`
}

// read: no file means that all is well; one that cannot be read is an error of whoever asked.
func read() (rules, error) {
	var found rules
	text, err := os.ReadFile(os.Getenv("KERF_CLOUD"))
	if os.IsNotExist(err) {
		return found, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &found)
	}
	return found, err
}

func (r rules) refuse(one offer) bool {
	return lo.SomeBy(r.Refused, func(no offer) bool {
		return (no.Type == "" || no.Type == one.Type) && (no.Zone == "" || no.Zone == one.Zone) &&
			(no.CapacityType == "" || no.CapacityType == one.CapacityType)
	})
}

// cloud is kwok's, less what the rules take away.
type cloud struct {
	*kwok.CloudProvider
	kube  client.Client
	types []*cloudprovider.InstanceType
}

func (c cloud) Create(ctx context.Context, claim *v1.NodeClaim) (*v1.NodeClaim, error) {
	now, err := read()
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(time.Duration(now.LaunchSeconds * float64(time.Second))):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	wanted := scheduling.NewNodeSelectorRequirementsWithMinValues(claim.Spec.Requirements...)
	named := wanted.Get(corev1.LabelInstanceTypeStable)
	var had []*cloudprovider.InstanceType
	for _, one := range c.types {
		if !named.Has(one.Name) {
			continue
		}
		left := lo.Filter(one.Offerings.Compatible(wanted), func(o *cloudprovider.Offering, _ int) bool {
			return !now.refuse(offer{one.Name, o.Requirements.Get(corev1.LabelTopologyZone).Any(),
				o.Requirements.Get(v1.CapacityTypeLabelKey).Any()})
		})
		if len(left) > 0 {
			had = append(had, &cloudprovider.InstanceType{Name: one.Name, Requirements: one.Requirements,
				Offerings: left, Capacity: one.Capacity, Overhead: one.Overhead})
		}
	}
	if len(had) == 0 {
		return nil, cloudprovider.NewInsufficientCapacityError(fmt.Errorf(
			"all requested instance types were unavailable during launch: %s in %s, %s", named.Values(),
			wanted.Get(corev1.LabelTopologyZone).Values(), wanted.Get(v1.CapacityTypeLabelKey).Values()))
	}
	// kwok looks for every type that the claim names.
	asked := claim.DeepCopy()
	for i := range asked.Spec.Requirements {
		if asked.Spec.Requirements[i].Key == corev1.LabelInstanceTypeStable {
			asked.Spec.Requirements[i].Values = lo.Map(had,
				func(one *cloudprovider.InstanceType, _ int) string { return one.Name })
		}
	}
	launched, err := kwok.NewCloudProvider(ctx, shortly{c.kube}, had).Create(ctx, asked)
	if err != nil {
		return nil, err
	}
	launched.Name = short(launched.Name)
	launched.Status.NodeName, launched.Status.ProviderID = launched.Name, scheme+launched.Name
	return launched, nil
}

// shortly makes kwok's Nodes under shorter names: a kubelet's certificate has room for 52 letters.
type shortly struct{ client.Client }

func (c shortly) Create(ctx context.Context, one client.Object, options ...client.CreateOption) error {
	if node, is := one.(*corev1.Node); is {
		renamed := node.DeepCopy()
		renamed.Name = short(node.Name)
		renamed.Spec.ProviderID = scheme + renamed.Name
		renamed.Status = corev1.NodeStatus{}
		for { // it comes, however long it takes until the API server hears of it, as long as it is wanted
			now, err := read()
			if err == nil && !now.NeverJoins {
				err = c.Client.Create(ctx, renamed.DeepCopy(), options...)
				if err == nil || errors.IsAlreadyExists(err) {
					return nil
				}
			}
			claim := &v1.NodeClaim{}
			err = c.Client.Get(ctx, client.ObjectKey{Name: node.Labels[corev1.LabelHostname]}, claim)
			if ctx.Err() != nil || errors.IsNotFound(err) || (err == nil && claim.DeletionTimestamp != nil) {
				return nil
			}
			time.Sleep(500 * time.Millisecond)
		}
	}
	return c.Client.Create(ctx, one, options...)
}

const scheme = "kwok://"

// short is an instance id as EC2's are, which follows from kwok's name.
func short(name string) string {
	return fmt.Sprintf("i-%x", sha256.Sum256([]byte(name)))[:19]
}

func (c cloud) Get(ctx context.Context, id string) (*v1.NodeClaim, error) {
	found, err := c.CloudProvider.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	now, err := read()
	if err != nil {
		return nil, err
	}
	if _, lost := now.Lost[found.Name]; lost {
		return nil, cloudprovider.NewNodeClaimNotFoundError(fmt.Errorf("%s is terminated", id))
	}
	return found, nil
}

func (c cloud) List(ctx context.Context) ([]*v1.NodeClaim, error) {
	all, err := c.CloudProvider.List(ctx)
	if err != nil {
		return nil, err
	}
	now, err := read()
	if err != nil {
		return nil, err
	}
	return lo.Reject(all, func(one *v1.NodeClaim, _ int) bool {
		_, lost := now.Lost[one.Name]
		return lost
	}), nil
}

func main() {
	ctx, op := operator.NewOperator()
	types, err := kwok.ConstructInstanceTypes(ctx)
	if err != nil {
		log.FromContext(ctx).Error(err, "instance types")
		os.Exit(1)
	}
	undecorated := &cloud{kwok.NewCloudProvider(ctx, op.GetClient(), types), op.GetClient(), types}
	decorated := overlay.Decorate(undecorated, op.GetClient(), op.InstanceTypeStore)
	cluster := state.NewCluster(op.Clock, op.GetClient(), decorated)
	op.WithControllers(ctx, controllers.NewControllers(ctx, op.Manager, op.Clock, op.GetClient(),
		op.EventRecorder, decorated, undecorated, cluster, op.InstanceTypeStore)...).Start(ctx)
}
