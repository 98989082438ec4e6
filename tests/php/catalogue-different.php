<?php

/* A catalogue of that name that works in another way. */

declare(strict_types=1);

namespace WHMCS\Api\V1;

final class Catalog
{
    public static function get(): string
    {
        return 'something else';
    }

    public static function add(int $number): void
    {
        echo 'this must not be reached';
    }
}
