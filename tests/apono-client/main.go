// Command apono-client does what its arguments say, through a generated client, and prints what the client decoded.
//
// The client (client.gen.go) is made when this is built, and not touched. The token is in APONO_TOKEN.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
)

const usage = "apono-client URL list LIMIT [STATUS…] | get ID | rename ID NAME | delete ID | list-v2 | integrations CONNECTOR"

// told is what is printed: a status, and what the client made of the body.
type told struct {
	Status int `json:"status"`
	Body   any `json:"body"`
}

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: %s", usage))
	}
	client, err := NewClientWithResponses(os.Args[1], WithRequestEditorFn(authorize))
	if err != nil {
		fail(err)
	}
	answer, err := run(context.Background(), client, os.Args[2], os.Args[3:])
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func authorize(_ context.Context, request *http.Request) error {
	request.Header.Set("Authorization", "Bearer "+os.Getenv("APONO_TOKEN"))
	return nil
}

func run(ctx context.Context, client *ClientWithResponses, verb string, arguments []string) (told, error) {
	switch {
	case verb == "list" && len(arguments) > 0:
		return list(ctx, client, arguments[0], arguments[1:])
	case verb == "get" && len(arguments) == 1:
		response, err := client.GetConnectorV3WithResponse(ctx, arguments[0])
		if err != nil {
			return told{}, err
		}
		return told{response.StatusCode(), response.JSON200}, nil
	case verb == "rename" && len(arguments) == 2:
		body := UpsertConnectorV3{Name: arguments[1]}
		response, err := client.UpdateConnectorV3WithResponse(ctx, arguments[0], body)
		if err != nil {
			return told{}, err
		}
		return told{response.StatusCode(), response.JSON200}, nil
	case verb == "delete" && len(arguments) == 1:
		response, err := client.DeleteConnectorV3WithResponse(ctx, arguments[0])
		if err != nil {
			return told{}, err
		}
		return told{response.StatusCode(), string(response.Body)}, nil
	case verb == "list-v2" && len(arguments) == 0:
		response, err := client.ListConnectorsWithResponse(ctx)
		if err != nil {
			return told{}, err
		}
		return told{response.StatusCode(), response.JSON200}, nil
	case verb == "integrations" && len(arguments) == 1:
		params := ListIntegrationsV4Params{ConnectorId: &arguments}
		response, err := client.ListIntegrationsV4WithResponse(ctx, &params)
		if err != nil {
			return told{}, err
		}
		return told{response.StatusCode(), response.JSON200}, nil
	}
	return told{}, fmt.Errorf("usage: %s", usage)
}

// list follows the pages to their end and tells the connectors of each.
func list(ctx context.Context, client *ClientWithResponses, limit string, statuses []string) (told, error) {
	number, err := strconv.ParseInt(limit, 10, 32)
	if err != nil {
		return told{}, err
	}
	size := int32(number)
	params := ListConnectorsV3Params{Limit: &size}
	if len(statuses) > 0 {
		params.Status = &statuses
	}
	pages := [][]ConnectorV3{}
	for {
		response, err := client.ListConnectorsV3WithResponse(ctx, &params)
		if err != nil {
			return told{}, err
		}
		if response.JSON200 == nil {
			return told{response.StatusCode(), pages}, nil
		}
		pages = append(pages, response.JSON200.Items)
		params.PageToken = response.JSON200.Pagination.NextPageToken
		if params.PageToken == nil {
			return told{response.StatusCode(), pages}, nil
		}
	}
}
